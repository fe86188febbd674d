// Whether browsers' side of the edge is reached over TLS, and what then is different. WEIR_TEST_TLS names a directory
// with cert.pem and key.pem, which clients in this process must trust (NODE_EXTRA_CA_CERTS).
import { createHash, X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';

const dir = process.env.WEIR_TEST_TLS;
const file = (name) => path.join(dir, name);

export const overTls = Boolean(dir);
export const http = overTls ? 'https' : 'http';
export const ws = overTls ? 'wss' : 'ws';

export const connect = (to) => (overTls ? tls.connect({ ...to, ALPNProtocols: ['http/1.1'] }) : net.connect(to));

// For a server between a client and the edge.
export const createServer = (listener) =>
  overTls
    ? tls.createServer({ cert: readFileSync(file('cert.pem')), key: readFileSync(file('key.pem')), ALPNProtocols: ['http/1.1'] }, listener)
    : net.createServer(listener);

// What the edge's configuration in that directory has besides.
export function edgeYaml(directory) {
  if (!overTls) return '';
  for (const name of ['cert.pem', 'key.pem']) copyFileSync(file(name), path.join(directory, name));
  return '\ntls: {certificate: cert.pem, key: key.pem}\n';
}

// Chromium trusts that one key.
export function browserFlags() {
  if (!overTls) return [];
  const spki = new X509Certificate(readFileSync(file('cert.pem'))).publicKey.export({ type: 'spki', format: 'der' });
  return [`--ignore-certificate-errors-spki-list=${createHash('sha256').update(spki).digest('base64')}`];
}
