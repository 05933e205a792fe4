package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"keepalived-redis/internal/config"
)

// passwordFile has the password of the instances that create makes, on both hosts the same.
const passwordFile = "/etc/keepalived/redis.password"

// password is what a new instance gets, and what whoever asked for it should know of it: what the command line says, else the key
// password_file, else passwordFile, which is made if it is not there.
func (s *setup) password() (password, about string, err error) {
	if s.NoPassword {
		return "", "it has NO password, and protected-mode is off: whoever reaches it may do everything; set requirepass and masterauth, and password_file", nil
	}
	if password := s.cfg.Password.Reveal(); password != "" && s.PasswordFile == "" {
		return password, "its password is that of password_file", nil
	}
	file := s.PasswordFile
	if file == "" {
		file = passwordFile
	}
	secret, err := config.ReadPassword(file)
	switch {
	case err == nil:
		return secret.Reveal(), "its password is that of " + file, nil
	case s.PasswordFile != "" || !errors.Is(err, fs.ErrNotExist):
		return "", "", err
	}
	bytes := make([]byte, 32)
	if _, err := rand.Read(bytes); err != nil {
		return "", "", fmt.Errorf("make a password: %w", err)
	}
	password = hex.EncodeToString(bytes)
	if err := makeDir(filepath.Dir(file), 0o755, 0, 0); err != nil {
		return "", "", err
	}
	if err := writeNew(file, password+"\n", 0, 0, 0o600); err != nil {
		return "", "", err
	}
	return password, fmt.Sprintf("its password is a new one, in %s: copy that file to the other host, with its mode, before create there", file), nil
}

// otherPasswords says which instance of this host, that was there before, has another password: replicas and our programs want one for all.
func (s *setup) otherPasswords(port uint16, password string) (remarks []string) {
	for _, i := range s.cfg.Instances {
		if _, err := os.Stat(i.Conf); err != nil || i.Port == port || slices.Contains(s.made, i.Port) || i.Password.Reveal() == password {
			continue
		}
		remarks = append(remarks, fmt.Sprintf("%s has another password, or none; give all of both hosts the same, or replicas do not get in", i.Name()))
	}
	return remarks
}
