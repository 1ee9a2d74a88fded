import { globSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { CliError, EXIT } from '../shell.ts'
import { nearest, readJson } from '../project.ts'

/** From what is cheapest to ask up to what is dearest. */
export const LAYERS = ['unit', 'contract', 'component', 'equivalence', 'end-to-end'] as const
export type Layer = (typeof LAYERS)[number]

/** Files of tests, by layer; all of one folder. */
export type Pyramid = { readonly root: string; readonly files: Readonly<Record<Layer, readonly string[]>> }

/** Words of a file's name that say its layer; every other test is a unit's. */
const WORDS: Readonly<Record<Exclude<Layer, 'unit'>, RegExp>> = {
  contract: /^(?:contracts?|pacts?|consumers?|providers?)$/,
  component: /^components?$/,
  equivalence: /^(?:equivalence|placements?)$/,
  'end-to-end': /^(?:e2e|end-to-end|simulation)$/,
}
const TEST = /\.(?:test|spec)\.[cm]?[jt]s$/
const WITHOUT = new Set(['node_modules', 'dist', 'coverage'])

/**
 * The tests of the project that a folder is in: by what its package.json lists (`"dure": { "tests": { "component": ["test/services/*.ts"] } }`), and all other
 * files by their names: `order.component.test.ts`, `placement.test.ts`.
 * @throws {CliError} for a layer that is none, and for a list that names no file
 */
export function pyramidOf(cwd: string): Pyramid {
  const manifest = nearest('package.json', join(cwd, 'package.json'))
  const root = manifest === undefined ? cwd : dirname(manifest)
  const listed = manifest === undefined ? {} : listsIn(manifest)
  const layers = new Map<string, Layer>()
  const exclude = (name: string): boolean => name.startsWith('.') || WITHOUT.has(name)
  for (const path of globSync('**/*', { cwd: root, exclude }))
    if (TEST.test(path)) layers.set(path, layerOf(path.split(sep).at(-1)!))
  for (const [layer, patterns] of Object.entries(listed))
    for (const pattern of patterns) {
      const found = globSync(pattern, { cwd: root, exclude })
      if (found.length === 0) throw misuse(`"${pattern}" of "dure.tests.${layer}" in "${manifest}": no file is there`)
      for (const path of found) layers.set(path, layer as Layer)
    }
  const all = [...layers.keys()].sort()
  const filesOf = (layer: Layer): readonly (readonly [Layer, readonly string[]])[] => [
    [layer, all.filter((path) => layers.get(path) === layer)],
  ]
  return { root, files: Object.fromEntries(LAYERS.flatMap(filesOf)) as Record<Layer, readonly string[]> }
}

function layerOf(file: string): Layer {
  const words = file.split('.').slice(0, -2)
  const own = LAYERS.find((layer) => layer !== 'unit' && words.some((word) => WORDS[layer].test(word)))
  return own ?? 'unit'
}

function listsIn(manifest: string): Readonly<Record<string, readonly string[]>> {
  const { tests } = (readJson(manifest)?.['dure'] ?? {}) as { readonly tests?: unknown }
  if (tests === undefined) return {}
  if (typeof tests !== 'object' || tests === null)
    throw misuse(`"dure.tests" in "${manifest}": it is no object of lists by layer`)
  for (const [layer, patterns] of Object.entries(tests)) {
    if (!(LAYERS as readonly string[]).includes(layer))
      throw misuse(`"dure.tests.${layer}" in "${manifest}": there is no such layer; there are ${LAYERS.join(', ')}`)
    if (!Array.isArray(patterns) || !patterns.every((one) => typeof one === 'string'))
      throw misuse(`"dure.tests.${layer}" in "${manifest}": it is no list of paths`)
  }
  return tests as Readonly<Record<string, readonly string[]>>
}

const misuse = (what: string): CliError => new CliError(`Cannot take ${what}`, { exitCode: EXIT.misuse })
