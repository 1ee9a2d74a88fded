import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { realRuntime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import { describeThrown, isInstance, partOf } from 'dure/contract/internal'
import type { AnyContract, AsyncReader } from 'dure/contract'
import type { System } from 'dure/service'
import { moduleTrouble } from './project.ts'
import { CliError, EXIT } from './shell.ts'

export type Loaded = {
  readonly system: System
  readonly file: string
  /** Where the file exports a function that makes its system: makes another. */
  readonly make?: () => System
}

/**
 * Finds and loads a system file: one that exports a system, or by default a function that makes one.
 * @throws {CliError} when there is none, when it fails while loading, or when it exports no system
 */
export async function loadSystem(given: string | undefined, cwd: string): Promise<Loaded> {
  const file = systemFile(given, cwd)
  const shown = relative(cwd, file) || file
  const exports = await importFile(file, shown)
  const found = [...new Set([exports['default'], exports['system'], ...Object.values(exports)])].filter(isSystem)
  const { default: maker } = exports
  if (found.length === 0 && typeof maker === 'function' && maker.length === 0) {
    const made: unknown = maker()
    if (isSystem(made)) return { system: made, file, make: maker as () => System }
  }
  if (found.length === 0) {
    const names = Object.keys(exports)
    const has = names.length === 0 ? 'it exports nothing' : `it exports ${names.map((name) => `"${name}"`).join(', ')}`
    throw new CliError(
      `Cannot use "${shown}" as a system: ${has}, and none of it was made by system(); add: export default system('shop', { services: […] })`,
      { exitCode: EXIT.misuse },
    )
  }
  if (found.length > 1 && !isSystem(exports['default'])) {
    throw new CliError(`Cannot use "${shown}" as a system: it exports ${found.length} of them; make one the default export`, {
      exitCode: EXIT.misuse,
    })
  }
  return { system: found[0]!, file }
}

/** The contracts that a module exports, or that the services of its system promise. */
export async function loadContracts(
  given: string,
  cwd: string,
): Promise<{ readonly contracts: readonly AnyContract[]; readonly readers: readonly AsyncReader[] }> {
  const file = resolve(cwd, given)
  if (!existsSync(file)) throw new CliError(`Cannot read "${given}": there is no such file`, { exitCode: EXIT.misuse })
  const values = Object.values(await importFile(file, given))
  const contracts = values.flatMap((value) => (isSystem(value) ? contractsOf(value) : isContract(value) ? [value] : []))
  const readers = values.filter(isSystem).flatMap(readersOf)
  if (contracts.length > 0) return { contracts: [...new Set(contracts)], readers }
  throw new CliError(`Cannot find a contract in "${given}": export what contract() or system() makes`, { exitCode: EXIT.misuse })
}

export function contractsOf(system: System): readonly AnyContract[] {
  return system.services.map(({ contract }) => contract)
}

/** Who reacts to which events. */
export function readersOf(system: System): readonly AsyncReader[] {
  return system.services.flatMap(({ contract, reactions }) =>
    reactions
      .filter(({ kind }) => kind === 'topic')
      .map(({ name, event }) => ({ service: contract.name, name, event: event.name })),
  )
}

/** The path of the system file: as given, as package.json says, or `./system.ts`. */
export function systemFile(given: string | undefined, cwd: string): string {
  const named = given ?? fromPackage(cwd)
  const file = resolve(cwd, named ?? 'system.ts')
  if (existsSync(file) && statSync(file).isFile()) return file
  const hint =
    named === undefined
      ? 'give its path, or name it in package.json: "dure": { "system": "src/system.ts" }'
      : given === undefined
        ? 'package.json names it under "dure"; mend the path there'
        : 'look at the path'
  throw new CliError(`Cannot find the system file "${relative(cwd, file) || file}": there is no such file; ${hint}`, {
    exitCode: EXIT.misuse,
  })
}

function fromPackage(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (existsSync(path)) {
      try {
        const { dure } = JSON.parse(readFileSync(path, 'utf8')) as { dure?: { system?: unknown } }
        // As somebody on Windows may have written it.
        return typeof dure?.system === 'string' ? resolve(folder, dure.system.replaceAll('\\', '/')) : undefined
      } catch (cause) {
        throw new CliError(`Cannot read "${path}": ${(cause as Error).message}`, { exitCode: EXIT.misuse, cause })
      }
    }
    if (dirname(folder) === folder) return undefined
  }
}

/** Milliseconds that a file may take to load. */
const LOAD_TIMEOUT = 60_000

/** @throws {CliError} with what it threw, and where; or when it does not finish: nothing else would end that */
export async function importFile(
  file: string,
  shown: string,
  timeout: number = LOAD_TIMEOUT,
): Promise<Readonly<Record<string, unknown>>> {
  const trouble = moduleTrouble(file, process.cwd())
  if (trouble !== undefined) throw new CliError(`Cannot load "${shown}": ${trouble}`, { exitCode: EXIT.misuse })
  const loading = import(pathToFileURL(file).href).catch((cause: unknown) => {
    throw new CliError(`Cannot load "${shown}": ${reasonOf(cause)}`, { cause })
  }) as Promise<Readonly<Record<string, unknown>>>
  return inTime(realRuntime().timers, timeout, loading, () => {
    throw new CliError(
      `Cannot load "${shown}": it has not finished after ${timeout / 1_000} s; an await at the top of it, or of a file it imports, never ends`,
    )
  })
}

function reasonOf(cause: unknown): string {
  const { name, message, stack = '' } = describeThrown(cause)
  if (!isInstance(cause, Error)) return `it threw ${message}`
  // The library's own errors say all there is to say.
  if (name === 'SystemError' || name === 'ContractError') return message
  const hint =
    partOf(cause, 'code') === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
      ? '\n  Types are stripped and the rest is run, so use erasable syntax only: no enums, namespaces, parameter properties.'
      : ''
  const lines = stack.split('\n')
  // A syntax error begins with its place in the source; anything else has frames.
  const placed = /^(?:file:|\/|[A-Za-z]:\\).*:\d+$/.test(lines[0] ?? '')
  const place = placed ? lines.slice(0, 4).filter((line) => line !== '' && !line.startsWith(name)) : []
  const frames = lines.filter((line) => /^\s+at /.test(line) && !line.includes('node:internal')).slice(0, 5)
  return [message, ...place.map((line) => `  ${line}`), ...frames].join('\n') + hint
}

function isSystem(value: unknown): value is System {
  const system = value as Partial<System> | null
  return (
    typeof system === 'object' &&
    system !== null &&
    typeof system.name === 'string' &&
    Array.isArray(system.services) &&
    Array.isArray(system.doors) &&
    typeof system.broker === 'function'
  )
}

function isContract(value: unknown): value is AnyContract {
  const contract = value as Partial<AnyContract> | null
  return (
    typeof contract === 'object' &&
    contract !== null &&
    typeof contract.name === 'string' &&
    typeof contract.version === 'string' &&
    typeof contract.operations === 'object' &&
    Array.isArray(contract.events)
  )
}
