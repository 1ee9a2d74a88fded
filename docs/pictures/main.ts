/**
 * `npm run pictures`: what a person sees of `npm start`, `dure dev` and `dure trace`, in a real pseudo-terminal of 80 and of
 * 120 columns, as pictures for light and for dark pages. Needs `script` of util-linux, and the network for one `npm install`.
 * And what a browser shows of the console, which needs Chromium: `npm run pictures -- console` draws that alone, `-- incident` only what
 * it shows of an incident.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { drawConsole } from './console.ts'
import { svgOf } from './svg.ts'
import { openTerminal, type Screen } from './terminal.ts'

const here = import.meta.dirname
const root = join(here, '..', '..')
const COLUMNS = [80, 120]

function ran(command: string, words: readonly string[], cwd: string): void {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`Cannot run "${command} ${words.join(' ')}":\n${error?.message ?? stdout + stderr}`)
}

function draw(name: string, title: string, screen: Screen): void {
  for (const theme of ['light', 'dark'] as const) {
    const file = `${name}-${screen.columns}-${theme}.svg`
    writeFileSync(join(here, file), svgOf(screen, { theme, title }))
    console.log(`docs/pictures/${file}: ${screen.lines.length} lines`)
  }
}

/** Text with the port that the door has without `--port`: the door is what is named first. */
function usually(): (text: string) => string {
  let door: string | undefined
  return (text) => text.replaceAll(/(?<=http:\/\/127\.0\.0\.1:)\d+/g, (port) => ((door ??= port) === port ? '8080' : port))
}

/** The marketplace, and the trace of an order that was made by the commands it shows. */
async function market(columns: number, folder: string): Promise<void> {
  const data = join(folder, `market-${columns}`)
  const usual = usually()
  const flags = `--port 0 --data ${data} --durability process`
  const told = (text: string): string =>
    usual(text).replaceAll(` -- ${flags}`, '').replaceAll(` ${flags}`, '').replaceAll(data, '.data/marketplace')
  const shop = openTerminal({ ...{ columns, told, cwd: root, typed: 'npm start' }, command: `npm start --silent -- ${flags}` })
  const [, trace] = await shop.shows(/dure trace (\w+) /)
  const [said] = await shop.shows(/^ready[^]*npm start -- --split/m)
  draw('start', 'The marketplace is ready', await shop.screen())
  for (const [command] of said.matchAll(/curl -s -X .*/g)) ran('sh', ['-c', command.trim()], folder)
  const url = /http:\/\/[\d.:]+(?= )/.exec(said)![0]
  for (let tries = 0, last = ''; !last.includes('READY_FOR_SHIPMENT'); tries++) {
    if (tries > 600) throw new Error(`Cannot draw the trace: the order is not ready: ${last}`)
    await setTimeout(50)
    last = await (await fetch(`${url}/order/1`)).text()
  }
  // A trace is written a moment after what it tells of.
  await setTimeout(1_500)
  const shown = openTerminal({
    ...{ columns, told, cwd: root, typed: `npx dure trace ${trace}` },
    command: `npx dure trace ${trace} --data ${data}`,
  })
  await shown.ended
  draw('trace', 'What followed from one order, over all services', await shown.screen())
  await shop.interrupt()
}

/** A new project, as its author runs it for the first time. */
async function project(folder: string): Promise<string> {
  const tarballs = join(folder, 'tarballs')
  ran(process.execPath, [join(root, 'checks/packaging/pack.ts'), '--into', tarballs], root)
  const made = join(folder, 'my-shop')
  const create = join(root, 'packages/tools/create-dure/bin/create-dure.js')
  ran(process.execPath, [create, made, '--yes', '--lang', 'en', '--from', tarballs], folder)
  return made
}

async function develop(columns: number, made: string): Promise<void> {
  rmSync(join(made, '.dure'), { recursive: true, force: true })
  const usual = usually()
  const session = openTerminal({
    ...{ columns, cwd: made, typed: 'npx dure dev' },
    told: (text) => usual(text).replaceAll(made, '/home/ada/my-shop'),
    command: 'npx dure dev --port 0',
  })
  const [, url] = await session.shows(/(http:\/\/[\d.:]+)/)
  await session.shows(/dev --split/)
  const post = (body: unknown): Promise<Response> =>
    fetch(`${url}/notes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  await post({ text: 'hello' })
  await fetch(`${url}/notes/count`)
  await post({ text: '' })
  await session.shows(/422|400/)
  await setTimeout(200)
  draw('dev', 'dure dev: each request in a line, with its trace', await session.screen())
  await session.interrupt()
}

/** The console of a marketplace in which something was ordered some times. */
async function seen(folder: string): Promise<void> {
  const data = join(folder, 'market-console')
  const flags = `--port 0 --data ${data} --durability process`
  const shop = openTerminal({
    columns: 200,
    cwd: root,
    typed: 'npm start',
    told: (text) => text,
    command: `npm start --silent -- ${flags}`,
  })
  const [said] = await shop.shows(/^ready[^]*npm start -- --split/m)
  const orders = [...said.matchAll(/curl -s -X .*/g)].map(([command]) => command.trim().replace(/-H 'traceparent[^']*' /, ''))
  for (let times = 0; times < 30; times++) for (const order of orders) ran('sh', ['-c', order], folder)
  await drawConsole(/http:\S+#open=\S+/.exec(said)![0])
  await shop.interrupt()
}

/** The payment provider frozen, a message that is poison: what whoever looks for the cause sees. */
function incident(folder: string): void {
  const program = join(root, 'examples/marketplace/console.test-support.ts')
  ran('env', [`DURE_PICTURES=${here}`, process.execPath, '--conditions=dure-source', program], folder)
}

const folder = mkdtempSync(join(tmpdir(), 'dure-pictures-'))
const only = process.argv[2]
try {
  if (only !== 'incident') await seen(folder)
  incident(folder)
  if (only === undefined) {
    const made = await project(folder)
    for (const columns of COLUMNS) {
      await market(columns, folder)
      await develop(columns, made)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
