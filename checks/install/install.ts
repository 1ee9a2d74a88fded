import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { firstExample } from '../packaging/examples.ts'
import { packAll, type Packed } from '../packaging/pack.ts'
import { publishedDoors, publishedPackages } from '../packaging/workspace.ts'
import type { Ran } from '../shell.ts'
import { firstHour } from './first-hour.ts'
import { createProject, installTarballs, type Project } from './project.ts'
import { NODES, openToolbox, type Toolbox } from './toolbox.ts'

/** What was tried, and what is wrong with it. */
export type Tried = { readonly what: string; readonly wrong: string | undefined }

/** Beside the tarballs, in every project: what their first pages import, and the types of Node. */
const BESIDE = ['zod@4', '@types/node@24']
const DURE = 'node_modules/@dure/cli/bin/dure.js'
const REFUSED =
  /Cannot load "(?:dure|@dure\/[\w-]+)" on Node [\d.]+: this part of it needs Node [\d.]+ or later\. Install Node 26, /
/** What is usable alone: without the chassis, without SQLite, and on Node 22 as well. */
const ALONE = [
  ...['dure/contract', 'dure/inbox', 'dure/resilience', 'dure/telemetry', 'dure/call', 'dure/discovery', 'dure/runtime'],
  '@dure/postgres/outbox',
]

/** Tries the tarballs as a newcomer would, on every version of Node, in an empty folder each; tells each step as it ends. */
export async function tryTarballs(
  tell: (tried: Tried) => void,
  nodes: readonly string[] = NODES.map(({ node }) => node),
): Promise<boolean> {
  const toolbox = await openToolbox()
  const folder = mkdtempSync(join(tmpdir(), 'dure-tarballs-'))
  let well = true
  try {
    const packed = await packAll(folder)
    for (const { node, npm } of NODES.filter((each) => nodes.includes(each.node))) {
      const project = createProject({ toolbox, node, npm })
      const step = async (what: string, work: () => Promise<void>): Promise<void> => {
        const began = performance.now()
        const wrong = await work().then(
          () => undefined,
          (error: unknown) => (error as Error).message,
        )
        well &&= wrong === undefined
        tell({ what: `Node ${node.padEnd(7)} ${what} (${((performance.now() - began) / 1_000).toFixed(1)} s)`, wrong })
      }
      try {
        await installing(project, packed, npm, step)
        const creator = project.path('node_modules/create-dure/bin/create-dure.js')
        await firstHour({ toolbox, node, npm, tarballs: folder, creator, step })
        const major = Number(node.split('.')[0])
        if (major < 24) await old(project, major, step)
        else await current(project, toolbox, step)
      } finally {
        project.remove()
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return well
}

type Step = (what: string, work: () => Promise<void>) => Promise<void>

async function installing(project: Project, packed: readonly Packed[], npm: string, step: Step): Promise<void> {
  const backwards = packed.toReversed()
  await step(`${npm}: one by one, those that need others first`, () =>
    installTarballs(
      project,
      backwards.map((each) => [each]),
    ),
  )
  await step(`${npm}: all removed, and installed together`, async () => {
    expectWell(await project.npm('uninstall', ...packed.map(({ name }) => name)))
    await installTarballs(project, [backwards])
  })
  await step(`${npm}: other packages beside, and clean from the lock file`, async () => {
    expectWell(await project.npm('install', ...BESIDE))
    expectWell(await project.npm('ci'))
  })
}

/** On a Node that is too old each door says so, in one sentence; what is usable alone runs on 22. */
async function old(project: Project, major: number, step: Step): Promise<void> {
  for (const { manifest } of publishedPackages()) {
    const specifiers = publishedDoors(manifest).map(([subpath]) => join(manifest.name, subpath).replaceAll('\\', '/'))
    await step(`${manifest.name}: its ${specifiers.length} doors run, or say what they need`, async () => {
      for (const specifier of specifiers) {
        const { code, output } = await project.node('--input-type=module', '--eval', `await import('${specifier}')`)
        const runs = code === 0 && major >= 22
        if (!runs && !REFUSED.test(output)) throw new Error(`"${specifier}" says: ${output.trim()}`)
      }
    })
  }
  await step('npx dure says what it needs', async () => {
    const { code, output } = await project.node(DURE, '--help')
    if (code !== 2 || !/^dure needs Node [\d.]+ or later[^]*Run "npm install/.test(output))
      throw new Error(`It says: ${output.trim()}`)
  })
  if (major < 22) return
  await alone(project, step)
  await step('a store in SQLite says what it needs', async () => {
    const { output } = await project.node('--input-type=module', '--eval', OPENS_STORE)
    if (!/Opening the store of service "shop" failed: .* To do: use Node 24\.12 or later/.test(output))
      throw new Error(`It says: ${output.trim()}`)
  })
}

const OPENS_STORE = `
  import { sqlite } from 'dure/data'
  import { realRuntime } from 'dure/runtime'
  import { silentLogger } from 'dure/telemetry'
  await sqlite()({ directory: 'data', runtime: realRuntime(), log: silentLogger() }).open('shop', { migrations: {} })`

async function alone(project: Project, step: Step): Promise<void> {
  for (const specifier of ALONE)
    await step(`${specifier} alone, without SQLite and the chassis`, async () => {
      const tells = `
        import { registerHooks } from 'node:module'
        const chassis = []
        const load = (url, context, next) => (url.includes('/dure/dist/service/') && chassis.push(url), next(url, context))
        registerHooks({ load })
        await import('${specifier}')
        console.log([...chassis, ...process.moduleLoadList.filter((name) => name.includes('sqlite'))].join())`
      expectOutput(await project.node('--input-type=module', '--eval', tells), /^\s*$/)
    })
}

async function current(project: Project, toolbox: Toolbox, step: Step): Promise<void> {
  for (const name of ['first', 'system']) project.take(`node_modules/dure/examples/${name}.ts`)
  await step('a contract, a service and a call', async () => expectAnswer(await project.node('first.ts')))
  await alone(project, step)
  await step('npx dure lists a system', async () => {
    expectOutput(await project.node(DURE, 'list', 'system.ts'), /notes/)
  })
  for (const typescript of ['5.7', '5.9', '7'])
    for (const [module, moduleResolution] of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ] as const)
      await step(`tsc ${typescript}, ${moduleResolution}`, async () => {
        const compilerOptions = { ...{ module, moduleResolution, target: 'es2024', strict: true, noEmit: true }, types: ['node'] }
        project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['first.ts', 'system.ts'] }))
        expectWell(await project.node(toolbox.tool(`typescript-${typescript}/bin/tsc`), '-p', '.'))
      })
  await step('tsx', async () => expectAnswer(await project.node(toolbox.tool('tsx/dist/cli.mjs'), 'first.ts')))
  await step('esbuild, into one file', async () => {
    const options = { entryPoints: ['first.ts'], outfile: 'bundle.mjs', bundle: true, platform: 'node', format: 'esm' }
    const esbuild = JSON.stringify(toolbox.tool('esbuild'))
    expectWell(await project.node('--eval', `require(${esbuild}).buildSync(${JSON.stringify(options)})`))
    expectAnswer(await project.node('bundle.mjs'))
  })
  await step('vitest', async () => {
    expectWell(await project.npm('install', 'vitest@5'))
    const code = firstExample().replace('console.log(await client.total())', 'const answer = await client.total()')
    const imports = code.split('\n').filter((line) => line.startsWith('import '))
    const body = code.split('\n').filter((line) => !line.startsWith('import '))
    project.write(
      'first.test.ts',
      [
        ...imports,
        "import { expect, test } from 'vitest'",
        "test('counts', async () => {",
        ...body,
        'expect(answer).toBe(2)',
        '})',
      ].join('\n'),
    )
    expectOutput(await project.node('node_modules/vitest/vitest.mjs', 'run'), /1 passed/)
  })
  await step('npx dure says which package it lacks', async () => {
    expectWell(await project.npm('uninstall', '@dure/simulation'))
    const { code, output } = await project.node(DURE, '--version')
    if (code !== 2 || !output.includes('works with the package "@dure/simulation", which is not installed.'))
      throw new Error(`It says: ${output.trim()}`)
  })
}

const expectAnswer = (ran: Ran): void => expectOutput(ran, /^2$/m)

function expectWell({ code, output }: Ran): void {
  if (code !== 0) throw new Error(output.trim().split('\n').slice(0, 12).join('\n'))
}

function expectOutput(ran: Ran, wanted: RegExp): void {
  expectWell(ran)
  if (!wanted.test(ran.output)) throw new Error(`It says: ${ran.output.trim()}`)
}
