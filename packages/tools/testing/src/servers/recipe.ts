import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ServerProgram } from 'dure/runtime/internal'

/** Settings of a server by their names, dots for what is inside of another: `{ 'jetstream.sync_interval': '2m' }`. */
export type ServerSettings = Readonly<Record<string, string | number | boolean | readonly object[]>>

/** What a recipe is told of the server that is to be started. */
export type Place = {
  /** Where its programs are installed. */
  readonly programs: string
  /** Where it keeps what it keeps. */
  readonly directory: string
  readonly ports: Readonly<Record<string, number>>
  readonly settings: ServerSettings
  readonly account: ServerAccount | undefined
}

export type ServerAccount = { readonly name: string; readonly password: string }

/** How a server of one kind is found, started and spoken to. */
export type Recipe = {
  readonly version: string
  /** Its program, below the folder it is installed in. */
  readonly program: string
  /** The folder it is installed in, where it shares one with others. */
  readonly folder?: string
  /** What its ports are for; the first is the one that clients are told. */
  readonly ports: readonly string[]
  /** Writes what the server reads, and says what is to be run. */
  readonly launch: (place: Place) => ServerProgram
  readonly url: (place: Pick<Place, 'ports' | 'account'>) => string
  readonly ready: RegExp
  readonly passing?: RegExp
}

/** The folder that servers are installed in, outside of any project: `DURE_SERVERS`, or one of the user's cache. */
export function serversFolder(): string {
  return process.env['DURE_SERVERS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dure', 'servers')
}

/** Where a version is installed: another version has another folder. */
export function folderOf(kind: string, { version, folder = `${kind}-${version}` }: Recipe): string {
  return join(serversFolder(), folder)
}

/** The folder of its programs, or undefined where it is not installed. */
export function programsOf(kind: string, recipe: Recipe): string | undefined {
  const folder = folderOf(kind, recipe)
  return existsSync(join(folder, recipe.program)) ? folder : undefined
}

/** Of the first port, with the account that may come in. */
export function asUrl(protocol: string, { ports, account }: Pick<Place, 'ports' | 'account'>): string {
  const who = account === undefined ? '' : `${encodeURIComponent(account.name)}:${encodeURIComponent(account.password)}@`
  return `${protocol}://${who}127.0.0.1:${Object.values(ports)[0]}`
}

export function asLines(settings: ServerSettings, between: string): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}${between}${value}\n`)
    .join('')
}

/** Java that is soon ready, and takes little. */
export function java(words: readonly string[]): Pick<ServerProgram, 'command' | 'words'> {
  return { command: 'java', words: ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...words] }
}
