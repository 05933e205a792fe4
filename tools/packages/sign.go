package main

import (
	"fmt"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// checkKey refuses, before anything is built, a key that the package managers of the oldest targets could not verify: rpm
// 4.8 knows RSA and DSA, and takes the primary key.
func checkKey(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	keys, err := openpgp.ReadArmoredKeyRing(f)
	if err != nil {
		if _, again := f.Seek(0, 0); again != nil {
			return again
		}
		if keys, err = openpgp.ReadKeyRing(f); err != nil {
			return fmt.Errorf("read the key %s: %w; hint: gpg --export-secret-keys --armor KEY > %s", file, err, file)
		}
	}
	for _, k := range keys {
		if k.PrivateKey == nil {
			return fmt.Errorf("the key %s is not secret; hint: gpg --export-secret-keys", file)
		}
		if a := k.PrimaryKey.PubKeyAlgo; a != packet.PubKeyAlgoRSA && a != packet.PubKeyAlgoRSASignOnly {
			return fmt.Errorf("the primary key in %s is no RSA key, and CentOS 6 and 7 could not verify it; hint: gpg --quick-generate-key NAME rsa4096 sign", file)
		}
	}
	return nil
}
