/** Certificates, and clients that ask over TLS. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'node:https'
import type { TestContext } from 'node:test'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'

type Test = Pick<TestContext, 'after'>

/** In the words by which the test runner says loudly what was not run. */
export const skip: string | false = spawnSync('openssl', ['version']).status === 0 ? false : 'needs server: openssl'

export type Made = {
  readonly certificateFile: string
  readonly keyFile: string
  readonly certificate: string
  readonly key: string
}

/** Makes certificates that nobody but themselves has signed. */
export function maker(t: Test): { readonly folder: string; readonly make: (file: string, ...names: readonly string[]) => Made } {
  const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-tls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const make = (file: string, ...names: readonly string[]): Made => {
    const [certificateFile, keyFile] = [join(folder, `${file}.crt`), join(folder, `${file}.key`)]
    const alternatives = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
    const extension = names.length === 0 ? [] : ['-addext', `subjectAltName=${alternatives}`]
    const words = ['req', '-x509', ...key, '-out', certificateFile, '-days', '30', '-subj', `/CN=${file}`, ...extension]
    execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] })
    return { certificateFile, keyFile, certificate: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  }
  return { folder, make }
}

let own: Made | undefined
/** That of 127.0.0.1, one for all tests of a process. */
export const ownCertificate = (): Made =>
  (own ??= maker({ after: (end) => void process.once('exit', end as () => void) }).make('gateway', '127.0.0.1'))

/** A handshake; rejects with why there is none. */
export function shake(t: Test, url: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options }, () => resolve(socket))
    t.after(() => void socket.destroy())
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed')))
  })
}

/** Whose certificate is shown for a name. */
export async function shownFor(t: Test, url: string, servername?: string): Promise<string> {
  const socket = await shake(t, url, servername === undefined ? {} : { servername })
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

/** A request of HTTP/1.1 over TLS. */
export function ask(url: string, options: { readonly ca: string; readonly headers?: Record<string, string> }) {
  return new Promise<{ readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly text: string }>(
    (resolve, reject) => {
      const asked = request(url, { ...options, agent: false }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => (text += part))
        answer.on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, text }))
      })
      asked.on('error', reject)
      asked.end()
    },
  )
}
