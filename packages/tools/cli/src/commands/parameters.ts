import {
  buildCommand,
  buildRouteMap,
  type Command,
  type RouteMap,
  type TypedCommandParameters,
  type TypedFlagParameter,
  type TypedPositionalParameter,
} from '@stricli/core'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { dataDirectory } from '../data.ts'
import { CliError, EXIT, paint, print, say, type Shell } from '../shell.ts'

/** `9000` for the only door with an address, `rest=9000` for one of several. */
export type Port = { readonly door: string | undefined; readonly port: number }

/** What several commands have. */
export type Flag<T> = TypedFlagParameter<T | undefined, Shell>

export const parsedFlag = <T>(parse: (text: string) => T | Promise<T>, placeholder: string, brief: string): Flag<T> =>
  ({ kind: 'parsed', parse, optional: true, placeholder, brief }) as Flag<T>
export const textFlag = (placeholder: string, brief: string): Flag<string> => parsedFlag(String, placeholder, brief)
export const switchFlag = (brief: string): Flag<boolean> => ({ kind: 'boolean', optional: true, withNegated: false, brief })

export const systemParameter: TypedPositionalParameter<string | undefined, Shell> = {
  parse: String,
  optional: true,
  placeholder: 'system.ts',
  brief: 'The system file',
}
export const dataFlag: Flag<string> = textFlag('DIR', 'Where the system keeps its files (default .dure, or DURE_DATA)')
export const registryFlag: Flag<string> = textFlag(
  'URL',
  'A Eureka server (http://127.0.0.1:8761/eureka), an etcd (etcd://127.0.0.1:2379), or kubernetes://NAMESPACE (default DURE_REGISTRY)',
)
export const jsonFlag: Flag<boolean> = switchFlag('Print JSON')
export const yesFlag: Flag<boolean> = switchFlag('Do not ask whether it is meant')
export const byFlag: Flag<string> = textFlag('NAME', 'Who does it, for the audit (default: the user of this computer)')
export const splitFlag: Flag<boolean> = switchFlag('Each service, or group of "placement", in its own process')
export const threadsFlag: Flag<boolean> = switchFlag('Each service, or group of "placement", in a thread of one process')
export const replicasFlag: Flag<Readonly<Record<string, number>>> = parsedFlag(
  parsedReplicas,
  'SERVICE=N,…',
  'With --split or --threads: how many copies of services run, such as orders=3',
)
/** The words that say the same on another command line. */
export const replicaWords = (replicas: Readonly<Record<string, number>>): readonly string[] => [
  '--replicas',
  Object.entries(replicas)
    .map(([name, copies]) => `${name}=${copies}`)
    .join(','),
]
export const portWords = (ports: readonly Port[]): readonly string[] =>
  ports.flatMap(({ door, port }) => ['--port', door === undefined ? String(port) : `${door}=${port}`])
export const reasonFlag: TypedFlagParameter<string, Shell> = {
  kind: 'parsed',
  parse: parseReason,
  placeholder: 'TEXT',
  brief: 'Why, for the audit',
}
export const portFlag: TypedFlagParameter<readonly Port[] | undefined, Shell> = {
  kind: 'parsed',
  parse: parsePort,
  optional: true,
  variadic: true,
  placeholder: '[DOOR=]N',
  brief: 'Port of a door, instead of the one its system says',
}

/** What every command that asks a running system has. */
export type Common = { readonly data?: string; readonly json?: boolean }
export const common: { readonly data: Flag<string>; readonly json: Flag<boolean> } = { data: dataFlag, json: jsonFlag }

/** The data directory that is meant, in full. */
export function directoryOf(shell: Shell, { data }: Pick<Common, 'data'>): string {
  return resolve(shell.cwd, dataDirectory(data, shell.process.env))
}

/** Services that did not answer what was asked of all of them. */
export type Silent = readonly { readonly service: string; readonly why: string }[]

export function saySilent(shell: Shell, silent: Silent = []): void {
  for (const { service, why } of silent)
    say(shell, `${paint(shell, 'yellow', `Service "${service}" did not answer; this is without it.`)}\n  ${why}`)
}

/** A result for programs, or for people. */
export function printResult(shell: Shell, { json }: Pick<Common, 'json'>, value: unknown, text: () => string): void {
  print(shell, json === true ? JSON.stringify(value, undefined, 2) : text())
}

/** Has a person say that it is meant. @throws {CliError} when that is not so, or nobody can be asked */
export async function confirmed(shell: Shell, what: { readonly question: string; readonly cannot: string }): Promise<void> {
  if (!shell.interactive) {
    const why = `${what.cannot}: nobody can be asked here whether that is meant; add --yes`
    throw new CliError(why, { exitCode: EXIT.misuse })
  }
  // Prompts are loaded only where somebody can answer them.
  const { confirm } = await import('./confirm.ts')
  if (!(await confirm(what.question))) throw new CliError('Nothing was done')
}

/** Who is at the keyboard. */
export function whoIs(by: string | undefined): string {
  if (by !== undefined) return by
  try {
    return userInfo().username
  } catch {
    // A user without a name, as in some containers.
    return ''
  }
}

/** Loads the chassis, which few commands need. */
export async function parsedReplicas(text: string): Promise<Readonly<Record<string, number>>> {
  return (await import('dure/service')).parseReplicas(text)
}

function parseReason(text: string): string {
  if (text.trim() !== '') return text
  throw new Error('An empty reason explains nothing: say why')
}

/** `orders@1.4.0`. */
export type ReleaseWords = { readonly service: string; readonly version: string }

export function parseRelease(text: string): ReleaseWords {
  const found = /^([^@]+)@([^@]+)$/.exec(text)
  if (found === null) throw new Error(`"${text}" is no version of a service; write one such as orders@1.4.0`)
  return { service: found[1]!, version: found[2]! }
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new Error(`"${text}" is not a whole number from ${least} to ${most}`)
  }
}

function parsePort(text: string): Port {
  const [, door, digits = ''] = /^(?:([\w-]+)=)?(\d{1,5})$/.exec(text) ?? []
  if (digits === '') throw new Error(`"${text}" is not a port: give a number from 0 to 65535, or DOOR=N`)
  return { door, port: portNumber(digits) }
}

export function portNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text)
  throw new Error(`"${text}" is not a port: give a number from 0 to 65535`)
}

type Described = {
  /** A line, for lists. */
  readonly brief: string
  /** Paragraphs, which are folded to the terminal when they are shown. */
  readonly help: string
  readonly examples?: readonly string[]
}

/** A command: what it says of itself, its flags and arguments, and what it does. */
export function defineCommand<Flags extends Readonly<Partial<Record<string, unknown>>>, Args extends readonly unknown[]>(
  options: Described & {
    /** In place of the usage that its parameters make. */
    readonly usage?: readonly string[]
    readonly func: (this: Shell, flags: Flags, ...args: Args) => Promise<void>
  } & NoInfer<TypedCommandParameters<Flags, Args, Shell>>,
): Command<Shell> {
  const { usage, func, flags, positional } = options
  const parameters = { flags, positional } as NoInfer<TypedCommandParameters<Flags, Args, Shell>>
  return buildCommand<Flags, Args, Shell>({
    docs: { ...docsOf(options), ...(usage && { customUsage: usage }) },
    parameters,
    func,
  })
}

/** Commands below one word. */
export function defineRoutes<Route extends string>(
  options: Described & {
    readonly routes: Readonly<Record<Route, Command<Shell> | RouteMap<Shell>>>
    readonly defaultCommand?: NoInfer<Route>
  },
): RouteMap<Shell> {
  const { routes, defaultCommand } = options
  return buildRouteMap({ routes, docs: docsOf(options), ...(defaultCommand && { defaultCommand: defaultCommand as never }) })
}

function docsOf({ brief, help, examples = [] }: Described): { readonly brief: string; readonly fullDescription: string } {
  const paragraphs = help.split(/\n\s*\n/).map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').trim())
  const shown = examples.length === 0 ? [] : [`Examples:\n${examples.map((one) => `  ${one}`).join('\n')}`]
  return { brief, fullDescription: [...paragraphs, ...shown].join('\n\n') }
}
