import type { Command, RouteMap } from '@stricli/core'
import type { InDoubt } from '@dure/postgres/two-phase'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ageText, counted, visible } from '../format.ts'
import { CliError, EXIT, layoutOf, paint, type Shell } from '../shell.ts'
import { defineCommand, byFlag, defineRoutes, jsonFlag, printResult, reasonFlag, textFlag, whoIs } from './parameters.ts'

type Library = typeof import('@dure/postgres/two-phase')
type Common = { readonly log?: string; readonly json?: boolean }

const common = {
  log: textFlag('URL', "The database of the coordinator's log (default: the first one given)"),
  json: jsonFlag,
} as const
const url = { parse: String, placeholder: 'URL', brief: 'Databases, as postgres://…; a password may be in PGPASSWORD' } as const

const listCommand: Command<Shell> = defineCommand({
  brief: 'Show what is prepared and not ended, with its locks and who waits',
  help: `
        Lists the two-phase transactions that databases keep prepared: since when, what the coordinator's log says of each, the
        locks that stay until it ends, who waits for them, and how far back vacuum can remove nothing. Also what was
        decided to be committed and a database has nothing of.`,
  examples: ['dure 2pc list postgres://app@bank/bank postgres://app@shop/shop'],
  flags: common,
  positional: { kind: 'array', parameter: url, minimum: 1 },
  async func(this: Shell, given: Common, ...urls: readonly string[]): Promise<void> {
    const { listInDoubt } = await library(this)
    const found = await told(listInDoubt({ databases: urls, log: given.log ?? urls[0]! }))
    printResult(this, given, found, () =>
      found.length === 0 ? 'Nothing is in doubt' : found.map((one) => describe(one, this)).join('\n\n'),
    )
  },
})

const ENDS = ['commit', 'rollback', 'forget'] as const
type Force = (typeof ENDS)[number]

const resolveCommand: Command<Shell> = defineCommand({
  brief: 'End a transaction that is in doubt, as the log says or by force',
  help: `
        Ends a transaction in the databases given, as the coordinator's log says; what it does not know is rolled back, also by a
        coordinator that comes back. --force ends it otherwise, with the log or without: databases may then differ, and people
        have to mend them. --force forget takes a decision out of the log whose data are mended. Who did it and why is kept in the
        table dure_2pc_audit of each database.`,
  examples: [
    'dure 2pc resolve 0199… --reason "the coordinator is gone" postgres://app@bank/bank postgres://app@shop/shop',
    'dure 2pc resolve 0199… --force commit --reason "the log is lost; it was paid" postgres://app@shop/shop',
  ],
  flags: {
    ...common,
    force: { kind: 'enum', values: ENDS, optional: true, brief: 'Instead of what the log says' },
    reason: reasonFlag,
    by: byFlag,
  },
  positional: {
    kind: 'array',
    parameter: { parse: String, placeholder: 'TRANSACTION URL', brief: 'Which, as "dure 2pc list" shows it; then its databases' },
    minimum: 2,
  },
  async func(
    this: Shell,
    given: Common & { readonly force?: Force; readonly reason: string; readonly by?: string },
    ...[transaction = '', ...urls]: readonly string[]
  ): Promise<void> {
    const { resolveInDoubt } = await library(this)
    const { force, reason } = given
    const log = given.log ?? (force === undefined || force === 'forget' ? urls[0] : undefined)
    const ended = await told(resolveInDoubt({ databases: urls, log, transaction, force, reason, by: whoIs(given.by) }))
    printResult(this, given, ended, () =>
      ended
        .map(({ database, outcome, done }) => `${database}: ${done ? DONE[outcome] : 'somebody else has ended it meanwhile'}`)
        .join('\n'),
    )
  },
})

const DONE = { commit: 'committed', rollback: 'rolled back', forget: 'the decision is forgotten' } as const

export const twoPhaseCommands: RouteMap<Shell> = defineRoutes({
  routes: { list: listCommand, resolve: resolveCommand },
  brief: 'Look at two-phase transactions in doubt, and end them',
  help: 'Transactions over several databases of PostgreSQL whose coordinator died between prepare and commit, or is away.',
  examples: ['dure 2pc list postgres://app@bank/bank postgres://app@shop/shop'],
})

const SAYS: Readonly<Record<InDoubt['decision'], string>> = {
  commit: 'the log says: commit',
  rollback: 'the log says: roll back',
  none: 'nothing decided: its coordinator rolls it back when it is back',
  unknown: 'its log is not here: give --log',
}

function describe(one: InDoubt, shell: Shell): string {
  const age = ageText(one.seconds * 1_000)
  const head = `${paint(layoutOf(shell), 'bold', one.transaction)} of "${one.coordinator}" in ${one.database}`
  if (one.state === 'missing') return `${head}: decided to be committed ${age} ago, and the database has nothing of it`
  const locks = Map.groupBy(one.locks, ({ what }) => what)
  return [
    `${head}: prepared ${age} ago; ${SAYS[one.decision]}`,
    `  locks ${[...locks].map(([what, of]) => `${what} (${of.map(({ mode }) => mode).join(', ')})`).join('; ') || 'none'}`,
    `  vacuum waits, ${counted(one.horizon, 'transaction')} back`,
    ...one.waiting.map(
      (who) => `  waits ${ageText(who.seconds * 1_000)}: process ${who.pid} ${visible(who.name)}: ${visible(who.query)}`,
    ),
  ].join('\n')
}

/** What a server has refused, or that it is away, is said in its words. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    // The project's own copy of the library has a class of its own.
    if (!(error instanceof Error) || error.name !== 'CallError') throw error
    throw new CliError(error.message, { cause: error })
  }
}

/** The project's own: who commits in two phases has it. */
async function library({ cwd }: Shell): Promise<Library> {
  try {
    return (await import(
      pathToFileURL(createRequire(join(cwd, 'package.json')).resolve('@dure/postgres/two-phase')).href
    )) as Library
  } catch (cause) {
    const why = 'Cannot look at two-phase transactions: "@dure/postgres" is not installed here; run: npm install @dure/postgres'
    throw new CliError(why, { exitCode: EXIT.failed, cause })
  }
}
