/** What h2spec, curl and h2load make of it, in the clear and over TLS: one line a check. The first argument is the program of h2spec. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { realRuntime } from 'dure/runtime'
import { serveHttp2, type Http2Receiver, type Http2Stream } from './http2.ts'
import { OK } from './raw.test-support.ts'

const [h2spec = 'h2spec'] = process.argv.slice(2)
const runtime = realRuntime()
let failed = false

async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

/** @returns what it said, whatever its code was */
const run = (program: string, ...words: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(program, words, { maxBuffer: 100_000_000 }, (error, out, err) =>
      error !== null && typeof error.code === 'string' ? reject(error) : resolve(out + err),
    )
  })

/** Says what was asked, and how long the body was and its digest. */
function answer(stream: Http2Stream): Http2Receiver {
  const digest = createHash('sha256')
  let length = 0
  return {
    data: (bytes) => {
      digest.update(bytes)
      length += bytes.length
    },
    end: () => {
      stream.respond(OK)
      stream.write(
        Buffer.from(`${stream.headers.get(':method')} ${stream.headers.get(':path')} ${length} ${digest.digest('hex')}`),
      )
      stream.end()
    },
    aborted: () => {},
  }
}

const serve = (socket: Socket): void =>
  void serveHttp2(socket, { runtime, onStream: answer, onError: (error) => console.log('✖', error) })
async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return String((server.address() as AddressInfo).port)
}

const folder = mkdtempSync(join(tmpdir(), 'dure-http2-'))
const [key, cert, body] = ['key.pem', 'cert.pem', 'body'].map((name) => join(folder, name)) as [string, string, string]
await run(
  'openssl',
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=localhost'],
  ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
)
const clear = createServer(serve)
const secure = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert), ALPNProtocols: ['h2'] }, serve)
const [port, securePort] = [await listening(clear), await listening(secure)]

for (const [how, words] of [
  ['in the clear', ['-p', port]],
  ['over TLS', ['-p', securePort, '-t', '-k']],
] as const)
  await check(`h2spec ${how}`, async () => {
    const output = await run(h2spec, '-h', '127.0.0.1', '-o', '5', ...words)
    const [, tests, passed] = /(\d+) tests, (\d+) passed, 0 skipped, 0 failed/.exec(output) ?? []
    assert.ok(tests !== undefined && tests === passed && Number(tests) >= 145, output.slice(-3_000))
    return `${passed} of ${tests}`
  })

writeFileSync(body, Buffer.alloc(5_000_000, 'dure'))
const sum = createHash('sha256').update(readFileSync(body)).digest('hex')
for (const [how, words, url] of [
  ['by prior knowledge', ['--http2-prior-knowledge'], `http://127.0.0.1:${port}`],
  ['over TLS', ['--http2', '--cacert', cert], `https://127.0.0.1:${securePort}`],
] as const)
  await check(`curl ${how}`, async () => {
    const curl = (...more: readonly string[]): Promise<string> => run('curl', '--silent', '--show-error', ...words, ...more)
    assert.match(await curl('-w', ' %{http_version} %{http_code}', `${url}/a?b=c`), /^GET \/a\?b=c 0 \w+ 2 200$/)
    assert.equal(await curl('--data-binary', `@${body}`, `${url}/up`), `POST /up 5000000 ${sum}`)
    // In the clear it can ask no second time on a connection, whatever the server is.
    if (how !== 'over TLS') return '5 MB with its digest'
    const many = await curl('--parallel', '--parallel-max', '50', '-w', ' %{http_code}\n', `${url}/n/[1-200]`)
    assert.equal(many.match(/ 200$/gm)?.length, 200, many.slice(0, 500))
    return '5 MB with its digest, and 200 requests, 50 at once'
  })

await check('h2load', async () => {
  const output = await run('h2load', '-n', '20000', '-c', '10', '-m', '50', '-d', cert, `http://127.0.0.1:${port}/load`)
  assert.match(output, /20000 succeeded, 0 failed, 0 errored/, output.slice(-1_000))
  return '20,000 requests on 10 connections, 50 at once on each'
})

for (const server of [clear, secure]) server.close()
rmSync(folder, { recursive: true })
process.exit(failed ? 1 : 0)
