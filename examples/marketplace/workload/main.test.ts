import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { answering, soundAnswers, type Answers, type Item } from './answers.test-support.ts'

const folder = mkdtempSync(join(tmpdir(), 'dure-workload-'))
after(() => rmSync(folder, { recursive: true }))
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

type Outcome = { code: number; out: string; err: string }

function run(...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--conditions=dure-source', MAIN, ...words], (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

/** Runs the command against a marketplace that gives these answers. */
async function against(answers: Answers, ...words: string[]): Promise<Outcome> {
  const get = answering(answers)
  const server = createServer((request, response) => {
    get(request.url!).then(
      (answer) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  try {
    return await run('--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, '--seconds', '0', ...words)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a sound marketplace ends well, each invariant a line and an entry of the file', async () => {
  const json = join(folder, 'sound.json')
  const { code, out } = await against(soundAnswers(), '--json', json)
  assert.equal(code, 0, out)
  const { invariants } = JSON.parse(readFileSync(json, 'utf8')) as { invariants: { name: string; ok: boolean; detail: string }[] }
  assert.deepEqual(
    out.trim().split('\n'),
    invariants.map(({ name, detail }) => `✓ ${name} — ${detail}`),
  )
})

test('a broken invariant is a line with a cross and exit code 1', async () => {
  const answers = soundAnswers()
  ;(answers['/stock'] as Item[])[0]!['qtyReserved'] = 3
  const { code, out } = await against(answers)
  assert.equal(code, 1)
  assert.match(out, /^✗ nothing stays reserved — 3 of 2 products' stock; 1 wrong: product 1\/1: 3 reserved$/m)
})

test('a marketplace that does not come to rest says what is still moving', async () => {
  const answers = soundAnswers()
  const service = { service: 'payment', callsInFlight: 0, outbox: 2, waiting: 5, dead: 0 }
  answers['/status'] = { quiet: false, services: [service], lag: [{ group: 'order/stock.confirmed', lag: 7 }] }
  const { code, err } = await against(answers, '--quiet', '1')
  assert.equal(code, 1)
  assert.match(err, /not become quiet within 1 s: payment events unsent 2, payment events waiting 5, order\/stock.confirmed is 7/)
})

test('a foreign flag, a foreign server and nobody there are told in a sentence', async () => {
  assert.deepEqual((({ code, err }) => [code, /--seconds "soon"/.test(err)])(await run('--seconds', 'soon')), [2, true])
  const nobody = await run('--url', 'http://127.0.0.1:1', '--seconds', '1')
  assert.deepEqual([nobody.code, nobody.err], [1, 'Cannot get /products?limit=500: connect ECONNREFUSED 127.0.0.1:1\n'])
  const foreign = await against({ '/status': {} }, '--quiet', '1')
  assert.match(foreign.err, /Cannot read \/status: it must hold "quiet" and "services", found {}/)
})
