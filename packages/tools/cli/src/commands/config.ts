import type { Command, RouteMap } from '@stricli/core'
import { inspectConfiguration, problemText, type Inspected } from 'dure/config/internal'
import {
  keyFile,
  keyVariable,
  sealValue,
  type ConfigKeys,
  type ConfigProblem,
  type ConfigRelease,
  type ConfigStatus,
} from 'dure/config'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { table } from '@dure/simulation/text/internal'
import { closest } from '../closest.ts'
import { askConfig, askReleases, askSettings } from '../control/control.ts'
import { ageText, counted, visible } from '../format.ts'
import { loadSystem } from '../load.ts'
import { CliError, EXIT, layoutOf, paint, print, readInput, say, type Layout, type Shell } from '../shell.ts'
import {
  byFlag,
  common,
  defineCommand,
  defineRoutes,
  directoryOf,
  jsonFlag,
  printResult,
  switchFlag,
  systemParameter,
  textFlag,
  whoIs,
  wholeNumber,
  type Common,
} from './parameters.ts'

type Entry = Inspected['entries'][number]
type Value = Pick<Entry, 'value' | 'from' | 'line' | 'revision'>

const listCommand: Command<Shell> = defineCommand({
  brief: 'List settings with the places that they come from',
  help: `
        Lists every setting with its value and the file and line, variable or address that it comes from: of the system that runs on a
        data directory, or of a system file as it would start now. Secrets are not shown.`,
  examples: ['dure config list', 'dure config list src/system.ts', 'dure config list --json'],
  flags: common,
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Common, file?: string): Promise<void> {
    const entries = await entriesOf(this, flags, file)
    printResult(this, flags, entries, () => listText(entries, layoutOf(this)))
  },
})

const whyCommand: Command<Shell> = defineCommand({
  brief: 'Say where a setting comes from, and what it overrides',
  help: `
        Names the value of a setting, the file, line and revision that it comes from, and what it would be without that, in order.`,
  examples: ['dure config why payment.timeout', 'dure config why payment.timeout src/system.ts'],
  flags: common,
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, placeholder: 'KEY', brief: 'Such as payment.timeout' }, systemParameter],
  },
  async func(this: Shell, flags: Common, key: string, file?: string): Promise<void> {
    const entries = await entriesOf(this, flags, file)
    const entry = entries.find((one) => one.key === key)
    if (entry === undefined) {
      const near = closest(
        key,
        entries.map((one) => one.key),
      )
      throw new CliError(`Nothing sets "${key}"${near.length === 0 ? '' : `; perhaps: ${near.join(', ')}`}`)
    }
    printResult(this, flags, entry, () => whyText(entry, layoutOf(this)))
  },
})

const checkCommand: Command<Shell> = defineCommand({
  brief: 'Say whether a system could start with its settings',
  help: `
        Reads all sources of a system file and judges them for all of its services, as a start does: what is missing or wrong, what cannot
        be decrypted, and keys that no schema names. Exits with 1 when it could not start.`,
  examples: ['dure config check', 'dure config check src/system.ts --json'],
  flags: common,
  positional: { kind: 'tuple', parameters: [systemParameter] },
  async func(this: Shell, flags: Common, file?: string): Promise<void> {
    const { problems, entries, unknown } = await inspect(this, flags, file)
    printResult(this, flags, { ok: problems.length === 0, problems, unknown }, () =>
      [
        problems.length === 0 ? `${counted(entries.length, 'setting')}, all as they should be` : 'It could not start:',
        ...problems.map((one) => paint(layoutOf(this), 'red', `  ${visible(problemText(one))}`)),
        ...unknownText(unknown),
      ].join('\n'),
    )
    if (problems.length > 0) this.process.exitCode = EXIT.failed
  },
})

const statusCommand: Command<Shell> = defineCommand({
  brief: 'Show how the settings of a running system stand',
  help: `
        Shows how fresh each source is, and a change that was refused, with the reasons. Exits with 1 when there is one.`,
  examples: ['dure config status', 'dure config status --json'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const status = await askConfig(directoryOf(this, flags))
    printResult(this, flags, status, () => statusText(status, layoutOf(this), realRuntime().clock.now()))
    if (status.refused !== undefined) this.process.exitCode = EXIT.failed
  },
})

const historyCommand: Command<Shell> = defineCommand({
  brief: 'List changes of settings',
  help: `
        Lists every change of settings with its number, what it changed, and what became of it: a change goes to one process of each service
        first, and when those are well for a while to all others; else it is rolled back, and why is told.`,
  examples: ['dure config history', 'dure config history --json'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const releases = await askReleases(directoryOf(this, flags))
    printResult(this, flags, releases, () => releasesText(releases, layoutOf(this), realRuntime().clock.now()))
  },
})

type Deciding = Common & { readonly by?: string; readonly reason?: string }
const deciding = { ...common, by: byFlag, reason: textFlag('TEXT', 'Why, for the audit') }

const rollbackCommand: Command<Shell> = defineCommand({
  brief: 'Have former settings count again',
  help: `
        Has the settings before the last change count again in all processes, or those of the release that is named ("dure config history").
        What the sources have is not taken again until it changes, or "dure config release" says so.`,
  examples: ['dure config rollback', 'dure config rollback 3 --reason "refunds fail"'],
  flags: deciding,
  positional: {
    kind: 'tuple',
    parameters: [
      {
        parse: wholeNumber(1, 1_000_000_000),
        placeholder: 'NUMBER',
        brief: 'Of the release (default: the one before)',
        optional: true,
      },
    ],
  },
  async func(this: Shell, flags: Deciding, to?: number): Promise<void> {
    const release = await askSettings(directoryOf(this, flags), 'rollback', { to, by: whoIs(flags.by), reason: flags.reason })
    printResult(this, flags, release, () => releaseText(release))
  },
})

const releaseCommand: Command<Shell> = defineCommand({
  brief: 'Release what the sources have, though it was rolled back',
  help: `
        Begins a release of what the sources have now, in waves as always; with --now all processes get it at once, and nobody looks whether they
        are well.`,
  examples: ['dure config release', 'dure config release --now --reason "the provider is back"'],
  flags: { ...deciding, now: switchFlag('To all processes at once') },
  async func(this: Shell, flags: Deciding & { readonly now?: boolean }): Promise<void> {
    const { now, reason } = flags
    const release = await askSettings(directoryOf(this, flags), 'release', { now, by: whoIs(flags.by), reason })
    printResult(this, flags, release, () => releaseText(release))
  },
})

const encryptCommand: Command<Shell> = defineCommand({
  brief: 'Encrypt the value of a setting',
  help: `
        Encrypts what it reads from standard input for one setting (AES-256-GCM) and prints what to write in its place. A line end at the end
        is no part of it. The key is the first line of a file, or a variable: 32 bytes in Base64, as "openssl rand -base64 32" makes them.`,
  examples: ['dure config encrypt payment.apiKey --key-file config.key < value'],
  flags: {
    keyFile: textFlag('FILE', 'The file with the key'),
    keyVariable: textFlag('NAME', 'The environment variable with the key (default DURE_CONFIG_KEY)'),
    json: jsonFlag,
  },
  positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'KEY', brief: 'Such as payment.apiKey' }] },
  async func(
    this: Shell,
    flags: { readonly keyFile?: string; readonly keyVariable?: string; readonly json?: boolean },
    name: string,
  ): Promise<void> {
    const keys: ConfigKeys =
      flags.keyFile === undefined ? keyVariable(flags.keyVariable ?? 'DURE_CONFIG_KEY', this.process.env) : keyFile(flags.keyFile)
    const [key] = await keys.read().catch((cause: Error) => {
      throw new CliError(`Cannot encrypt "${name}": ${cause.message}`, { exitCode: EXIT.misuse, cause })
    })
    const value = (await readInput(this)).replace(/\r?\n$/, '')
    const sealed = sealValue(name, value, key!, realRuntime().random)
    if (flags.json === true) print(this, JSON.stringify({ key: name, value: sealed }))
    else print(this, sealed)
  },
})

export const configCommands: RouteMap<Shell> = defineRoutes({
  routes: {
    list: listCommand,
    why: whyCommand,
    check: checkCommand,
    status: statusCommand,
    history: historyCommand,
    rollback: rollbackCommand,
    release: releaseCommand,
    encrypt: encryptCommand,
  },
  brief: 'Show, check and roll back settings, and encrypt secrets',
  help: `
        Settings of a system that runs, or of a system file: what they are, where they come from, whether it could start with them.`,
  examples: ['dure config list', 'dure config why payment.timeout', 'dure config check src/system.ts'],
})

/** Of a file where one is given, else of what runs. */
async function entriesOf(shell: Shell, flags: Common, file: string | undefined): Promise<readonly Entry[]> {
  if (file === undefined) return (await askConfig(directoryOf(shell, flags))).entries
  const { entries, problems } = await inspect(shell, flags, file)
  for (const one of problems) say(shell, paint(shell, 'yellow', `It could not start: ${visible(problemText(one))}`))
  return entries
}

async function inspect(shell: Shell, flags: Common, file: string | undefined): Promise<Inspected> {
  const { system } = await loadSystem(file, shell.cwd)
  const world = { directory: directoryOf(shell, flags), runtime: realRuntime(), log: silentLogger() }
  return inspectConfiguration({ services: system.services, config: system.config, world })
}

function releasesText(releases: readonly ConfigRelease[], layout: Layout, now: number): string {
  if (releases.length === 0) return 'No changes are known: each process takes what its sources have'
  const rows = releases.map((one) => [String(one.number), ageText(now - one.since), becameOf(one), visible(keysText(one))])
  const [head = '', ...rest] = table([['NUMBER', 'AGE', 'WHAT', 'KEYS'], ...rows], { columns: layout.columns, shorten: [3, 2] })
  return [
    paint(layout, 'dim', head),
    ...rest.flatMap((line, i) => [line, ...(releases[i]!.why ?? []).map((why) => paint(layout, 'red', `  ${visible(why)}`))]),
  ].join('\n')
}

function becameOf({ of, outcome, to, by }: ConfigRelease): string {
  const what = of === 'rollback' ? `back to ${to}` : of === 'start' && outcome === 'released' ? 'start' : outcome
  return by === undefined ? what : `${what}, by ${visible(by)}`
}

const keysText = ({ keys }: ConfigRelease): string => keys.join(', ')

function releaseText(release: ConfigRelease): string {
  return `Release ${release.number}: ${becameOf(release)}${release.keys.length === 0 ? '' : ` (${visible(keysText(release))})`}`
}

function listText(entries: readonly Entry[], layout: Layout): string {
  if (entries.length === 0) return 'Nothing is set'
  const rows = entries.map((one) => [visible(one.key), valueText(one), placeText(one)])
  const [head = '', ...rest] = table([['SETTING', 'VALUE', 'FROM'], ...rows], { columns: layout.columns, shorten: [1, 2, 0] })
  return [paint(layout, 'dim', head), ...rest].join('\n')
}

function whyText(entry: Entry, layout: Layout): string {
  return [
    `${visible(entry.key)} is ${valueText(entry)}`,
    `  from ${placeText(entry)}`,
    ...(entry.overrides.length === 0 ? [] : [paint(layout, 'dim', 'It overrides')]),
    ...entry.overrides.map((one) => `  ${valueText(one)} from ${placeText(one)}`),
  ].join('\n')
}

function valueText({ value }: Value): string {
  return value === undefined ? '[secret]' : visible(JSON.stringify(value))
}

function placeText({ from, line, revision }: Value): string {
  return visible(`${from}${line === undefined ? '' : `:${line}`}${revision === undefined ? '' : ` at ${revision}`}`)
}

const unknownText = (unknown: readonly string[]): readonly string[] =>
  unknown.map((key) => `  "${visible(key)}" is set, and no schema names it`)

function statusText({ version, since, sources, refused, unknown }: ConfigStatus, layout: Layout, now: number): string {
  return [
    `Version ${version}, since ${ageText(now - since)}`,
    ...sources.map(({ name, freshness }) =>
      freshness.state === 'fresh'
        ? `  ${visible(name)}  fresh`
        : paint(layout, 'yellow', `  ${visible(name)}  stale since ${ageText(now - freshness.since)}: ${visible(freshness.why)}`),
    ),
    ...unknownText(unknown),
    ...(refused === undefined
      ? []
      : [paint(layout, 'red', `A change was refused ${ageText(now - refused.since)} ago, and those before go on:`)]),
    ...(refused?.problems ?? []).map((one: ConfigProblem) => `  ${visible(problemText(one))}`),
  ].join('\n')
}
