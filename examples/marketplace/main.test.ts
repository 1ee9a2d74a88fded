import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { askLag } from '@dure/cli'
import { openTraces } from 'dure/telemetry'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

type Run = { child: ChildProcess; out: () => string; err: () => string; ended: Promise<number | null> }

/** What a test that failed leaves behind would keep this process. */
const running = new Set<ChildProcess>()

function run(...flags: string[]): Run {
  const child = spawn(process.execPath, ['--conditions=dure-source', MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text))
  return { child, out: () => out, err: () => err, ended: once(child, 'close').then(([code]) => code as number | null) }
}

/** Waits until it is ready; tells where. */
async function ready({ child, out, err }: Run): Promise<string> {
  while (!out().includes('curl -s http')) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}: ${err()}`)
    await once(child.stdout!, 'data')
  }
  return /http:\/\/[\d.:]+(?= )/.exec(out())![0]
}

function hasTrace(folder: string, id: string): boolean {
  const traces = openTraces(folder)
  const found = traces?.find(id).length === 1
  traces?.close()
  return found
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'marketplace-main-'))
  try {
    await work(folder)
  } finally {
    for (const child of running) child.kill('SIGKILL')
    running.clear()
    await rm(folder, { recursive: true, force: true })
  }
}

const SMALL = ['--port', '0', '--products', '20', '--customers', '10', '--durability', 'process']

test('npm start is ready, its commands work, it stops cleanly and continues when started again', () =>
  withFolder(async (folder) => {
    const first = run(...SMALL, '--frontends', '0', '--data', folder)
    const url = await ready(first)
    const commands = [...first.out().matchAll(/curl -s -X (\w+) (\S+) .* -d '(.*)'/g)]
    assert.equal(commands.length, 2)
    for (const [line, method, at, body] of commands) {
      const headers = Object.fromEntries([...line.matchAll(/ -H '(\S+): (.*?)'/g)].map(([, name, value]) => [name!, value!]))
      const answer = await fetch(at!, { method: method!, body: body!, headers })
      assert.equal(answer.status, 202, await answer.text())
    }
    const [, gateway] = /-H 'Host: m\.localhost' (\S+)\/home\/1/.exec(first.out())!
    const { stdout: home } = await promisify(execFile)('curl', ['-s', '-H', 'Host: m.localhost', `${gateway}/home/1`])
    assert.equal((JSON.parse(home) as { whole: boolean }).whole, true, home)
    // The id was said before there was a trace, and the trace is kept however few are.
    const [, trace] = /^ {2}npx dure trace (\w{12}) --data \S+$/m.exec(first.out())!
    while (!hasTrace(folder, trace!)) await setTimeout(20)
    assert.match(first.out(), new RegExp(`kill -9 ${first.child.pid}; npm start -- --port 0 `))
    first.child.kill('SIGTERM')
    assert.equal(await first.ended, 0)
    assert.ok(url !== '')

    const second = run(...SMALL, '--data', folder)
    const again = await ready(second)
    assert.ok(!second.out().includes('Generated'), second.out())
    let status = ''
    while (status !== 'READY_FOR_SHIPMENT') {
      const [order] = (await (await fetch(`${again}/order/1`)).json()) as { status: string }[]
      status = order?.status ?? ''
    }
    // Its owner asks it as well.
    const { consumers } = await askLag(folder)
    assert.ok(
      consumers.some(({ consumer }) => consumer === 'shipment/payment.confirmed'),
      JSON.stringify(consumers),
    )
    second.child.kill('SIGINT')
    assert.equal(await second.ended, 0)

    // A store cut short, as a full disk or a bad copy leaves it.
    const store = (await readdir(folder, { recursive: true })).find((file) => /\bcart\.db$/.test(file))!
    await truncate(join(folder, store), 5000)
    const third = run(...SMALL, '--data', folder)
    assert.equal(await third.ended, 1)
    assertClear(third, /cart/)
  }))

test('what cannot be done is said in one clear line, with exit code 1', () =>
  withFolder(async (folder) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const file = join(folder, 'file')
    await writeFile(file, '')
    const cases: [Run, RegExp][] = [
      [run('--port', 'eighty'), /--port "eighty"/],
      [run('--nonsense'), /--nonsense/],
      [run('--data', join(file, 'x')), /Cannot use the data directory/],
      [run('--data', join(folder, 'data'), '--port', String(port), '--products', '10'), new RegExp(String(port))],
    ]
    for (const [each, expected] of cases) {
      assert.equal(await each.ended, 1)
      assertClear(each, expected)
    }
    taken.close()
    const help = run('--help')
    assert.equal(await help.ended, 0)
    assert.match(help.out(), /--products N/)
  }))

function assertClear({ out, err }: Run, expected: RegExp): void {
  assert.match(err(), expected)
  assert.ok(!/^\s+at /m.test(err()), `No stack, but: ${err()}`)
  assert.ok(!out().includes('ready'))
}
