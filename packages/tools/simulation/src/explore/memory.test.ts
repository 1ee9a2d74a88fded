import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { explore } from './explore.ts'
import { openThread } from './thread.ts'

/** What a service keeps in a module, in the ways in which one may: each counts how often it was called. */
const MEMORIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'a Map of the module': {
    'counter.ts':
      'const seen = new Map<string, number>()\nexport const next = () => (seen.set("n", (seen.get("n") ?? 0) + 1), seen.get("n")!)',
  },
  'a variable': { 'counter.ts': 'let n = 0\nexport const next = () => ++n' },
  'a static field': { 'counter.ts': 'class Counter { static n = 0 }\nexport const next = () => ++Counter.n' },
  'a property of a function': { 'counter.ts': 'export function next(): number { return ++next.n }\nnext.n = 0' },
  'a CommonJS module': {
    'counter.cjs': 'let n = 0\nexports.next = () => ++n',
    'counter.ts': 'import { next as own } from "./counter.cjs"\nexport const next = own',
  },
  'a module two imports away': {
    'inner.ts': 'export const state = { n: 0 }',
    'counter.ts': 'import { state } from "./inner.ts"\nexport const next = () => ++state.n',
  },
  'JSON that is changed': {
    'state.json': '{"n":0}',
    'counter.ts': 'import state from "./state.json" with { type: "json" }\nexport const next = () => ++state.n',
  },
  'a package of the same repository': {
    '../package/counter.ts': 'let n = 0\nexport const next = () => ++n',
    'counter.ts': 'export { next } from "../package/counter.ts"',
  },
}

/** Every call is answered with how many there were since its process began; each process says how many it was. */
const SERVICES = `
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { next } from './counter.ts'
export const Counter = contract('counter', { version: '1.0.0', owner: 'tests', operations: { count: command({ output: z.int() }) } })
const store = database({ migrations: { '1': 'CREATE TABLE counts (n INTEGER)' } })
export const make = () => system('counting', { services: [service(Counter, { database: store, handlers: {
  count: async (_input, { database }) => {
    const n = next()
    await database.transaction((tx) => tx.insertInto('counts').values({ n }).execute())
    return n
  },
} })] })
export const load = { duration: 4_000, clients: 1, pause: 200, step: async ({ client }) => void (await client(Counter).count(undefined, { timeout: 500 })) }
const counts = async ({ client, rows }) => (await client(Counter).count(), rows('counter', 'SELECT n FROM counts ORDER BY rowid').map(({ n }) => n))
const told = { 'what was counted': async (world) => { throw new Error(await counts(world)) } }
const first = { 'nobody counts on from an earlier run': async (world) => { if ((await counts(world))[0] !== 1) throw new Error('it counted on') } }
const common = { load, faults: ['crash'], placements: ['together'] }
`
const SHAPES: Readonly<Record<string, string>> = {
  'a system as it is': 'export default make()\nexport const simulation = { ...common, invariants: first }',
  'a function that makes it': 'export default () => make()\nexport const simulation = { ...common, invariants: first }',
  'a simulation that names it': 'export const simulation = { ...common, invariants: first, system: make() }',
  'a simulation that a function makes':
    'export default make()\nexport const simulation = () => ({ ...common, invariants: first })',
  'a simulation that makes it': 'export const simulation = () => ({ ...common, invariants: first, system: () => make() })',
  'a simulation that is loaded when it is asked for':
    'export const simulation = async () => () => ({ ...common, invariants: first, system: () => make() })',
}

function write(files: Readonly<Record<string, string>>, shape: string): string {
  const root = mkdtempSync(join(tmpdir(), 'dure-memory-'))
  symlinkSync(join(import.meta.dirname, '../../../../../node_modules'), join(root, 'node_modules'))
  for (const [name, text] of Object.entries({ ...files, 'system.ts': `${SERVICES}\n${shape}` })) {
    const path = join(root, 'app', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return join(root, 'app', 'system.ts')
}

for (const [memory, files] of Object.entries(MEMORIES)) {
  test(`what is kept in ${memory} is gone when its process dies, and when its run is over`, { timeout: 120_000 }, async () => {
    const file = write(files, 'export default make()\nexport const simulation = { ...common, invariants: told }')
    const thread = openThread({ file })
    try {
      let deaths = 0
      for (let seed = 1; deaths === 0 || seed < 4; seed++) {
        const outcome = await thread.simulate({ seed })
        assert.ok(outcome.kind === 'violated' && seed < 30, outcome.kind)
        const counts = outcome.message.split(',').map(Number)
        assert.equal(counts[0], 1)
        const begun = counts.filter((n) => n === 1).length
        // Nobody may be answered between two deaths; somebody is after the last.
        assert.ok(begun <= 1 + outcome.faults.length && begun > 1 === outcome.faults.length > 0, outcome.message)
        deaths += outcome.faults.length
      }
    } finally {
      await thread.close()
    }
  })
}

for (const [name, shape] of Object.entries(SHAPES)) {
  test(
    `a seed has one verdict, alone and after others, however its system is exported: ${name}`,
    { timeout: 120_000 },
    async () => {
      const file = write(MEMORIES['a Map of the module']!, shape)
      const { held, failures, verified } = await explore({ file, seeds: 5, threads: 1 })
      assert.deepEqual([held, failures, verified], [5, [], 1])
      const thread = openThread({ file })
      const alone = await thread.simulate({ seed: 5 }).finally(thread.close)
      assert.equal(alone.kind, 'held')
    },
  )
}

test('a system that was compiled, to CommonJS as well, is loaded anew like any other', { timeout: 120_000 }, async () => {
  const source = `
    const { command, contract } = require('dure/contract')
    const { service, system } = require('dure/service')
    let counted = 0
    let highest = 0
    const Counter = contract('counter', { version: '1.0.0', owner: 'tests', operations: { count: command({ output: require('zod').z.int() }) } })
    exports.default = system('counting', { services: [service(Counter, { handlers: { count: () => ++counted } })] })
    exports.simulation = {
      faults: [], load: { duration: 2_000, step: async ({ client }) => { highest = await client(Counter).count() } },
      invariants: { 'it counts from 1': async ({ client }) => { if ((await client(Counter).count()) !== highest + 1) throw new Error('it counted on') } },
    }`
  for (const [name, text] of [
    ['system.cjs', source],
    [
      'system.mjs',
      `import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\n${source.replace('exports.default =', 'export default').replace('exports.simulation', 'export const simulation')}`,
    ],
  ] as const) {
    const file = join(dirname(write({ [name]: text }, '')), name)
    const { held, failures } = await explore({ file, seeds: 3, threads: 1 })
    assert.deepEqual([held, failures], [3, []], name)
  }
})
