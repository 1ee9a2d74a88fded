/** What h2spec, curl and openssl make of a gateway over TLS: one line a check. The first argument is the program of h2spec. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { before, bodyOf, serving, started } from './gateway.test-support.ts'
import { maker, skip } from './tls.test-support.ts'

const [h2spec = 'h2spec'] = process.argv.slice(2)
/** What h2spec asks that is answered as it should: what is not is nghttp2's, on which Node's HTTP/2 stands. */
const LEAST = 135
/**
 * Seconds for which it waits for what it wants, and for a handshake: whoever takes longer ends the whole program. A busy machine does, and what is
 * never said costs them each time; so it is asked with more of them when the fewer were not enough.
 */
const PATIENCE = [3, 20, 90]

const ends: (() => unknown)[] = []
const t = { after: (end: () => unknown): void => void ends.push(end) }
let failed = false

async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

function run(
  program: string,
  words: readonly string[],
  input = '',
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString('utf8')))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

if (skip !== false) throw new Error(`Cannot ask: ${skip}`)
const { folder, make } = maker(t)
const [first, shop, next] = [
  make('first', '127.0.0.1', 'first.example'),
  make('shop', 'shop.example', '*.shop.example'),
  make('next', 'shop.example'),
]
const serve = (request: IncomingMessage, response: ServerResponse): void =>
  void bodyOf(request)
    .then((body) =>
      response.end(`${request.method} ${request.url} ${body.length} ${createHash('sha256').update(body).digest('hex')}`),
    )
    .catch(() => {})
const server = await serving(t, serve)
const { url } = await started(t, {
  routes: before(server.address),
  tls: { certificates: [first, shop].map(({ certificateFile, keyFile }) => ({ certificateFile, keyFile })), reload: 50 },
})
const port = new URL(url).port
const trusted = join(folder, 'trusted.crt')
writeFileSync(trusted, first.certificate + shop.certificate + next.certificate)

await check('h2spec', async () => {
  let said = ''
  for (const seconds of PATIENCE) {
    const { output } = await run(h2spec, ['-h', '127.0.0.1', '-p', port, '-t', '-k', '-o', String(seconds)])
    said = output
    const [, tests, passed, skipped, wrong] =
      /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(output)?.map(Number) ?? []
    if (tests === undefined || passed! < LEAST) continue
    for (const line of output.slice(output.indexOf('Failures:')).split('\n'))
      if (/^\s+[×\d]/.test(line)) console.log(`    ${line.trim()}`)
    return `${passed} of ${tests} passed, ${skipped} skipped, ${wrong} failed`
  }
  throw new Error(said.slice(-2_000))
})

const curl = (...words: readonly string[]) =>
  run('curl', ['--silent', '--show-error', '--cacert', trusted, '--resolve', `shop.example:${port}:127.0.0.1`, ...words])
const format = ' %{http_version} %{http_code}'

await check('curl over HTTP/2, by name and by address', async () => {
  const named = await curl('--http2', '-w', format, `https://shop.example:${port}/a?b=c`)
  assert.match(named.output, /^GET \/a\?b=c 0 \w+ 2 200$/)
  assert.match((await curl('--http2', '-w', format, `${url}/b`)).output, /^GET \/b .* 2 200$/)
  assert.match((await curl('--http1.1', '-w', format, `${url}/b`)).output, /^GET \/b .* 1\.1 200$/)
  assert.match((await curl('--http2', '--head', `${url}/b`)).output, /^HTTP\/2 200/)
  return 'HTTP/2, and HTTP/1.1 for who asks for it, on one port'
})

await check('curl sends and fetches in parallel', async () => {
  const body = join(folder, 'body')
  writeFileSync(body, Buffer.alloc(5_000_000, 'dure'))
  const digest = createHash('sha256').update(readFileSync(body)).digest('hex')
  const sent = await curl('--http2', '--data-binary', `@${body}`, '-w', format, `${url}/up`)
  assert.equal(sent.output, `POST /up 5000000 ${digest} 2 200`)
  const many = await curl('--http2', '--parallel', '--parallel-max', '50', '-w', `${format}\n`, `${url}/n/[1-200]`)
  assert.equal(many.output.match(/ 2 200$/gm)?.length, 200, many.output.slice(0, 500))
  return '5 MB with its length, and 200 requests, 50 at once'
})

const shown = async (...words: readonly string[]): Promise<string> => {
  const { output } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...words])
  return /subject=\s*CN ?= ?(\w+)/.exec(output)?.[1] ?? output
}

await check('openssl asks for names', async () => {
  assert.equal(await shown('-servername', 'shop.example'), 'shop')
  assert.equal(await shown('-servername', 'www.shop.example'), 'shop')
  assert.equal(await shown('-servername', 'other.example'), 'first')
  assert.equal(await shown('-noservername'), 'first')
  return 'its own, a wildcard, and the first for others and for none'
})

await check('openssl asks for versions and protocols', async () => {
  const asked = async (...words: readonly string[]) =>
    (await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...words])).output
  assert.match(await asked('-tls1_3'), /New, TLSv1\.3, Cipher is TLS/)
  assert.match(await asked('-tls1_2'), /New, TLSv1\.2, Cipher is ECDHE/)
  for (const old of ['-tls1', '-tls1_1'])
    assert.match(
      await asked(old, '-cipher', 'DEFAULT:@SECLEVEL=0'),
      /alert protocol version|no protocols available|Cipher is \(NONE\)/,
    )
  assert.match(await asked('-alpn', 'h2,http/1.1'), /ALPN protocol: h2/)
  assert.match(await asked('-alpn', 'http/1.1'), /ALPN protocol: http\/1\.1/)
  const again = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2'], 'R\n')
  assert.match(again.output, /no renegotiation|handshake failure|unexpected message/i)
  return 'TLS 1.2 and 1.3, neither 1.0 nor 1.1, no renegotiation, ALPN'
})

await check('openssl sees another certificate when the files change', async () => {
  copyFileSync(next.certificateFile, shop.certificateFile)
  copyFileSync(next.keyFile, shop.keyFile)
  let tries = 1
  for (; (await shown('-servername', 'shop.example')) !== 'next'; tries++) assert.ok(tries < 200)
  return `after ${tries} handshakes`
})

for (const end of ends.toReversed()) await end()
process.exitCode = failed ? 1 : 0
