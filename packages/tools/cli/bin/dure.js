#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they can say what to do instead of failing on syntax.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
// As a namespace: a name that an old version does not have would end in a syntax error.
import * as modules from 'node:module'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const [major, minor] = process.versions.node.split('.').map(Number)
/** What these make lives for a request, so that the 64 MB that Node lets them collect before it looks are of no use to them. */
const SMALL_YOUNG = { gateway: '--max-semi-space-size=4', collector: '--max-semi-space-size=8' }
/** A collector's requests are large buffers for a moment: glibc gives those back at once, instead of keeping what they leave between smaller ones. */
const GIVEN_BACK = { gateway: {}, collector: { MALLOC_MMAP_THRESHOLD_: '131072' } }

if ((major > 24 || (major === 24 && minor >= 12)) && process.features.typescript) {
  const young = smallYoung()
  if (young !== undefined && !isYoungSaid()) beginAgain([young])
  keepCompiled()
  const built = join(here, '../dist/main.js')
  // In a checkout nothing is built: the sources run as they are, the library's as well.
  if (!existsSync(built)) useSources()
  const lacking = lackingNeighbour()
  if (lacking === undefined) {
    const { main } = await import(existsSync(built) ? '../dist/main.js' : '../src/main.ts')
    await main()
  } else {
    process.stderr.write(`${lacking}\n`)
    process.exitCode = 2
  }
} else {
  const pinned = pinnedNode()
  if (pinned === undefined) {
    process.stderr.write(
      `dure needs Node 24.12 or later that runs TypeScript; this is Node ${process.versions.node}.\n` +
        `Run "npm install --save-dev node@26" in your project (dure finds it there), or install Node 26.\n`,
    )
    process.exitCode = 2
  } else handOver(pinned)
}

/** Of those that run on; the other commands about gateways are over soon. */
function smallYoung() {
  const [command, next] = process.argv.slice(2)
  return Object.hasOwn(SMALL_YOUNG, command) && next !== 'wait' && next !== 'import' ? SMALL_YOUNG[command] : undefined
}

/** Whether somebody has said how large the young generation is to be, as whoever started this process for a supervisor has. */
function isYoungSaid() {
  return [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((one) => /--(?:max|min)[-_]semi[-_]space[-_]size/.test(one))
}

/** The same process with more options of Node, which cannot be said later. Where the system has no word for that, it goes on without. */
function beginAgain(options) {
  // What systemd has handed over would be closed.
  if (process.platform === 'win32' || process.execve === undefined || process.send !== undefined || process.env.LISTEN_FDS) return
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...options, ...process.argv.slice(1)], {
    ...GIVEN_BACK[process.argv[2]],
    ...process.env,
  })
}

function useSources() {
  modules.registerHooks({
    resolve: (specifier, context, next) => next(specifier, { ...context, conditions: ['dure-source', ...context.conditions] }),
  })
}

/** The packages that this one works with are installed by the user, at the same version: npm does not look. */
function lackingNeighbour() {
  const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
  const own = read(join(here, '../package.json'))
  for (const name of Object.keys(own.peerDependenciesMeta ?? {})) {
    let found
    try {
      found = read(modules.createRequire(import.meta.url).resolve(`${name}/package.json`)).version
    } catch {
      return `dure ${own.version} works with the package "${name}", which is not installed. Install ${name} ${own.version} beside it.`
    }
    if (found !== own.version)
      return `dure ${own.version} works with the package "${name}" of the same version, and found ${found}. Install both at one version.`
  }
  // Whatever else of Dure is installed beside it: a copy of another version knows only its own contracts and errors.
  const beside = join(here, '../..')
  for (const name of basename(beside) === '@dure' ? readdirSync(beside) : []) {
    const file = join(beside, name, 'package.json')
    const { version } = existsSync(file) ? read(file) : own
    if (version !== own.version)
      return `dure ${own.version} found "@dure/${name}" ${version} beside it. Say one version for all packages of Dure in package.json, then run: npm install`
  }
  return undefined
}

/** What was compiled once, the user's TypeScript as well, need not be again; without a place for it, it is as ever. */
function keepCompiled() {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const packages = join(folder, 'node_modules')
    if (existsSync(packages)) return void modules.enableCompileCache(join(packages, '.cache', 'dure'))
    if (folder === dirname(folder)) return
  }
}

/** The `node` package of the user's project, or of this one. */
function pinnedNode() {
  if (process.env.DURE_PINNED) return undefined
  for (const from of [join(process.cwd(), 'package.json'), fileURLToPath(import.meta.url)]) {
    try {
      const binary = join(dirname(modules.createRequire(from).resolve('node/package.json')), 'bin', 'node')
      if (existsSync(binary)) return binary
    } catch {
      // Not there: the next one may be.
    }
  }
  return undefined
}

function handOver(node) {
  // Marked, so that a pinned Node that is too old as well ends in words rather than in a circle.
  const env = { ...process.env, DURE_PINNED: '1' }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143)
  })
}
