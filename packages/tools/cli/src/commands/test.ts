import type { Command } from '@stricli/core'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { languageOf } from '../choose/choose.ts'
import { LAYERS, pyramidOf, pyramidText, runLayer, type Lang, type Layer, type LayerResult } from '../pyramid/pyramid.ts'
import { counted } from '../format.ts'
import { CliError, EXIT, layoutOf, say, type Shell } from '../shell.ts'
import { defineCommand, jsonFlag, printResult, switchFlag, textFlag } from './parameters.ts'

type Flags = { readonly bail?: boolean; readonly schemaOf?: string; readonly lang?: Lang; readonly json?: boolean }

export const testCommand: Command<Shell> = defineCommand({
  brief: 'Run the tests of a project, layer by layer, and say what each caught and cost',
  help: `
        Runs the tests of node:test from what is cheapest to ask to what is dearest: unit, contract, component, equivalence (the same answers wherever services
        run), end to end. A test's layer is said by its file's name: order.contract.test.ts, order.component.test.ts, placement.test.ts, shop.e2e.test.ts;
        every other is a unit's. Lists in package.json go before that: "dure": { "tests": { "component": ["test/services/*.ts"] } }.

        Prints of each layer how many tests it has, what they caught, and what they took. Exits with 1 when something was caught, or there is no test.

        With --schema-of the tests of this release run on the schemas of a later one, as its copies do while they are replaced: what a migration takes away too early
        is caught. Run it where this release is checked out, with the system file of the later one.`,
  examples: [
    'dure test',
    'dure test unit contract --bail',
    'dure test --json',
    'dure test component --schema-of ../next/src/system.ts',
  ],
  flags: {
    bail: switchFlag('Stop after the first layer that has caught something'),
    schemaOf: textFlag('system.ts', 'The system file of a later release, on whose schemas the tests run'),
    lang: { kind: 'enum', values: ['en', 'ko'], optional: true, brief: 'Language of the report (default that of the terminal)' },
    json: jsonFlag,
  },
  positional: {
    kind: 'array',
    parameter: { parse: parseLayer, placeholder: 'layer', brief: `Only these: ${LAYERS.join(', ')}` },
  },
  async func(this: Shell, flags: Flags, ...only: readonly Layer[]): Promise<void> {
    const { root, files } = pyramidOf(this.cwd)
    const layers = LAYERS.filter((layer) => only.length === 0 || only.includes(layer))
    if (layers.every((layer) => files[layer].length === 0))
      throw new CliError(
        `Cannot test "${root}": there is no test in ${only.length === 0 ? 'it' : `its layers ${only.join(', ')}`}; name a file such as orders.test.ts`,
      )
    await withSchemas(this, flags.schemaOf, async (env) => {
      const results: LayerResult[] = []
      for (const layer of layers) {
        if (files[layer].length > 0) say(this, `Running ${layer}: ${counted(files[layer].length, 'file')}`)
        results.push(await runLayer(layer, { root, files: files[layer], env }))
        if (flags.bail === true && results.at(-1)!.caught.length > 0) break
      }
      const ok = results.every(({ caught }) => caught.length === 0)
      const page = { lang: flags.lang ?? languageOf(this), ...layoutOf(this) }
      printResult(this, flags, { ok, layers: results }, () => pyramidText(results, page))
      if (!ok) this.process.exitCode = EXIT.failed
    })
  },
})

function parseLayer(text: string): Layer {
  const found = LAYERS.find((layer) => layer === text)
  if (found === undefined) throw new Error(`"${text}" is no layer of tests; there are ${LAYERS.join(', ')}`)
  return found
}

/** @throws {CliError} when no test has run on a schema of the later release: then nothing was shown */
async function withSchemas(
  shell: Shell,
  given: string | undefined,
  work: (env: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> {
  if (given === undefined) return work({})
  const file = resolve(shell.cwd, given)
  if (!existsSync(file))
    throw new CliError(`Cannot test on the schemas of "${given}": there is no such file`, { exitCode: EXIT.misuse })
  const folder = mkdtempSync(join(tmpdir(), 'dure-test-'))
  const used = join(folder, 'used')
  try {
    await work({ DURE_SCHEMA_OF: file, DURE_SCHEMA_USED: used })
    const services = existsSync(used) ? new Set(readFileSync(used, 'utf8').trim().split('\n')) : new Set<string>()
    if (services.size === 0)
      throw new CliError(`No test ran on a schema of "${given}": \`testSystem\` started none of its services`)
    say(shell, `On the schemas of ${given}: ${[...services].sort().join(', ')}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
