import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { environment, folder, liveValues, mount, type ConfigAdapter } from './config.ts'
import { configSourceConformance, type ConfigSourceRig } from './source.conformance.ts'

const world = { directory: '.', runtime: realRuntime(), log: silentLogger() }
type Values = Readonly<Record<string, string>>
const interval = 20

/** In a folder of its own; `write` has to write all at once. */
async function inFolder(
  values: Values,
  write: (folder: string, values: Values) => void,
  adapter: (folder: string) => ConfigAdapter,
): Promise<ConfigSourceRig> {
  const own = mkdtempSync(join(tmpdir(), 'dure-config-'))
  write(own, values)
  return {
    open: async () => adapter(own)(world),
    set: async (next) => write(own, next),
    close: async () => rmSync(own, { recursive: true, force: true }),
  }
}

/** A file that another takes the place of. */
const replaced = (name: string, text: (values: Values) => string) => (own: string, values: Values) => {
  writeFileSync(join(own, '.next'), text(values))
  renameSync(join(own, '.next'), join(own, name))
}

const nested = (values: Values): string => JSON.stringify(values)
const quoted = (text: string): string => JSON.stringify(text)
const kinds: Readonly<Record<string, (values: Values) => string>> = {
  'application.json': nested,
  'application.yml': (values) =>
    Object.entries(values)
      .map(([key, value]) => `${quoted(key)}: ${quoted(value)}\n`)
      .join(''),
  'application.properties': (values) =>
    Object.entries(values)
      .map(([key, value]) => `${key} = ${value.replaceAll('\\', '\\\\')}\n`)
      .join(''),
}
for (const [file, text] of Object.entries(kinds))
  configSourceConformance(`folder, ${file}`, (values) =>
    inFolder(values, replaced(file, text), (path) => folder({ path, interval })),
  )

let swaps = 0
/** As the kubelet does it: a new folder, and a link that is moved over the old one. */
function swapped(own: string, values: Values): void {
  const next = `..${swaps++}`
  mkdirSync(join(own, next))
  for (const [key, value] of Object.entries(values)) writeFileSync(join(own, next, key), value)
  symlinkSync(next, join(own, '..next'))
  renameSync(join(own, '..next'), join(own, '..data'))
}
configSourceConformance('mount', (values) => inFolder(values, swapped, (path) => mount({ path, interval })))

configSourceConformance('values', async (values) => {
  const live = liveValues(values)
  return { open: async () => live(), set: async (next) => live.set(next), close: async () => {} }
})

configSourceConformance('environment', async (values) => {
  const variables = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      `T_${key.toUpperCase().replaceAll(/\.|\[/g, '__').replaceAll(']', '')}`,
      value,
    ]),
  )
  return { open: async () => environment({ prefix: 'T_', variables })(world), close: async () => {} }
})
