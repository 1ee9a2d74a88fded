/**
 * `npm run peers -- thrift`: clients that Thrift's compiler made of our IDL, in Python and Go, call our door: one line a check. Needs
 * `thrift`, its library for Python (Debian: thrift-compiler, python3-thrift) and Go.
 */
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Customers, Orders, shop } from './shop.test-support.ts'
import { thriftDocument } from './thrift.ts'

const LANGUAGES = ['py', 'go', 'java', 'js:node', 'cpp', 'netstd', 'rs', 'php', 'rb', 'perl']
const GO = `module peers\n\ngo 1.19\n\nrequire github.com/apache/thrift v0.17.0\n`

const folder = mkdtempSync(join(tmpdir(), 'dure-thrift-peers-'))
const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
let failed = false

try {
  const idl = join(folder, 'shop.thrift')
  writeFileSync(idl, thriftDocument([Orders, Customers], { namespace: 'shop', oneway: ['orders.delete'] }))
  for (const language of LANGUAGES) {
    const out = join(folder, language.replace(':', '-'))
    mkdirSync(out)
    await judge(
      `thrift --gen ${language}`,
      ['thrift', '--strict', '-out', out, '--gen', language, idl],
      () => 'makes a client of our IDL',
    )
  }
  const t = { after: (end: unknown) => void ends.unshift(end as () => unknown) }
  const { address, deleted } = await shop(t, { door: { oneway: ['orders.delete'] } })
  const port = String(address.port)
  const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
  await judge('Python', [python, join(import.meta.dirname, 'peers.py'), port, join(folder, 'py')])
  const go = join(folder, 'go')
  copyFileSync(join(import.meta.dirname, 'peers.go'), join(go, 'main.go'))
  writeFileSync(join(go, 'go.mod'), GO)
  // Programs of their own that the compiler makes beside the client.
  for (const name of ['orders-remote', 'customers-remote']) rmSync(join(go, 'shop', name), { recursive: true, force: true })
  await judge('Go', ['go', 'run', '-mod=mod', '.', port], undefined, go)
  console.log(deleted.length === 4 ? '✔ four oneway calls were served' : `✖ ${deleted.length} of four oneway calls were served`)
  failed ||= deleted.length !== 4
} finally {
  for (const end of ends) await end()
}
process.exitCode = failed ? 1 : 0

/** Runs a program; each line that it says is a check. */
async function judge(name: string, words: readonly string[], said?: () => string, cwd: string = folder): Promise<void> {
  const [program, ...rest] = words
  const child = spawn(program!, rest, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, GOFLAGS: '-mod=mod' } })
  let [out, wrong] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (wrong += text))
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', resolve)
  })
  const lines = said === undefined ? out.trim().split('\n') : [said()]
  if (code === 0) for (const line of lines) console.log(`✔ ${name}: ${line}`)
  else {
    failed = true
    console.log(`✖ ${name}: ${code === null ? 'is not here' : `${out.slice(-500)} ${wrong.slice(-1_500)}`.trim()}`)
  }
}
