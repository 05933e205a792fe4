// Writes with ioredis: node client.js SETTING SECONDS SEEDS KEYS. Prints "KEY NANOSECONDS" for each write that went well.
'use strict';
const { Cluster } = require('ioredis');

const [setting, seconds, seeds, keys] = process.argv.slice(2);
const nodes = seeds.split(',').map((s) => ({ host: s.split(':')[0], port: Number(s.split(':')[1]) }));
const options = setting !== 'recommended' ? {} : {
  slotsRefreshInterval: 100,
  slotsRefreshTimeout: 100,
  redisOptions: { connectTimeout: 100, commandTimeout: 200, socketTimeout: 200 },
};
const cluster = new Cluster(nodes, options);
cluster.on('error', () => {});

async function write(key) {
  for (let n = 0; ; n++) {
    try {
      await cluster.set(key, String(n));
      process.stdout.write(`${key} ${process.hrtime.bigint()}\n`);
    } catch {
      // Tried again, as a program would that must get its write through.
    }
    await new Promise((done) => setTimeout(done, 20));
  }
}

keys.split(',').forEach(write);
setTimeout(() => process.exit(0), Number(seconds) * 1000);
