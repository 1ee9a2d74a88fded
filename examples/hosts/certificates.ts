import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Certificates of one authority, a folder for each address: `tls.crt`, `tls.key`, `ca.crt`. */
export function certificates(folder: string, addresses: readonly string[]): (address: string) => string {
  const openssl = (...words: readonly string[]): void =>
    void execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl('req', '-x509', ...key, '-subj', '/CN=hosts', '-keyout', 'ca.key', '-out', 'ca.crt')
  for (const address of addresses) {
    mkdirSync(join(folder, address))
    openssl('req', ...key, '-subj', `/CN=${address}`, '-keyout', `${address}/tls.key`, '-out', `${address}/request`)
    writeFileSync(join(folder, 'extensions'), `subjectAltName=IP:${address}`)
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions']
    openssl('x509', '-req', '-in', `${address}/request`, ...signed, '-out', `${address}/tls.crt`)
    writeFileSync(join(folder, address, 'ca.crt'), readFileSync(join(folder, 'ca.crt')))
  }
  return (address) => join(folder, address)
}
