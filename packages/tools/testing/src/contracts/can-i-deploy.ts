import { compareContracts, type ContractDescription } from 'dure/contract'
import { misreadings } from 'dure/contract/internal'
import type { Facts, Release } from './facts.ts'
import type { PactFile } from './files.ts'
import type { Verification } from './verify.ts'

export type Question = { readonly service: string; readonly version: string; readonly to: string }

/** One thing that was looked at. */
export type Reason = {
  readonly answer: 'yes' | 'no' | 'unknown'
  /** Whom it is about: `web@2.1.0`. */
  readonly about: string
  /** A sentence. */
  readonly because: string
  /** The field, as far as one is to blame: `body $.cents`, `prices.of output.cents`. */
  readonly where?: string
  /** The test that has it so. */
  readonly since?: string
}

export type Judgement = {
  readonly question: Question
  /** `yes` when nothing speaks against it and nothing is missing. */
  readonly answer: 'yes' | 'no' | 'unknown'
  readonly reasons: readonly Reason[]
}

/**
 * Whether a version of a service can go where others run: a function of facts. A fact that is missing makes it `unknown`.
 *
 * @example
 * ```ts
 * import { canIDeploy, releaseOf } from '@dure/testing/contracts'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const clock = (version: string, name: string) =>
 *   releaseOf(
 *     service(contract('clock', { version, owner: 'team-time', operations: { [name]: query({ output: z.date() }) } }), {
 *       handlers: { [name]: () => new Date() },
 *     }),
 *   )
 * const [before, after] = [clock('1.0.0', 'now'), clock('2.0.0', 'today')]
 * const page = { ...before, service: 'page', contract: { ...before.contract, name: 'page', operations: {} }, needs: { clock: before.contract } }
 * const { answer, reasons } = canIDeploy(
 *   {
 *     folder: 'facts',
 *     deployed: { production: { clock: '1.0.0', page: '1.0.0' } },
 *     releases: new Map([['clock@1.0.0', before], ['clock@2.0.0', after], ['page@1.0.0', page]]),
 *     pacts: new Map(),
 *     verified: [],
 *   },
 *   { service: 'clock', version: '2.0.0', to: 'production' },
 * )
 * console.log(answer, reasons[0]?.about, reasons[0]?.where) // → no page@1.0.0 clock.now
 * ```
 */
export function canIDeploy(facts: Facts, question: Question): Judgement {
  const { service, version, to } = question
  const name = `${service}@${version}`
  const running = Object.hasOwn(facts.deployed, to) ? facts.deployed[to]! : undefined
  const release = facts.releases.get(name)
  const missing: Reason[] = []
  if (running === undefined) missing.push(unknown(to, `what runs in "${to}" is not known: \`keepDeployment\` says it`))
  if (release === undefined) missing.push(unknown(name, 'what it promises and needs is not known: `keepRelease` keeps it'))
  if (running === undefined || release === undefined) return judged(question, missing)
  const others = Object.entries(running).filter(([other]) => other !== service)
  return judged(question, [
    ...others.flatMap(([consumer, at]) => consumerReasons(facts, release, `${consumer}@${at}`, running[service])),
    ...providerReasons(facts, release, running),
    ...hearingReasons(facts, release, others),
    ...migrationReasons(facts, release, running[service]),
  ])
}

function judged(question: Question, reasons: readonly Reason[]): Judgement {
  const weight = { no: 0, unknown: 1, yes: 2 }
  const sorted = [...reasons].sort((a, b) => weight[a.answer] - weight[b.answer])
  return { question, answer: sorted[0]?.answer ?? 'yes', reasons: sorted }
}

/** Whoever runs there and uses it. */
function consumerReasons(facts: Facts, release: Release, consumer: string, runs: string | undefined): readonly Reason[] {
  const { service, contract } = release
  const other = facts.releases.get(consumer)
  const pacts = (facts.pacts.get(consumer) ?? []).filter(({ pact }) => pact.provider === service)
  if (other === undefined && !facts.pacts.has(consumer))
    return [unknown(consumer, `what it uses of ${service} is not known: keep its release, or its pacts`)]
  const called = usedReasons(facts, { consumer, pacts, view: other?.needs[service] }, { release, blamed: consumer })
  const heard = Object.entries(other?.hears ?? {}).flatMap(([event, { schema }]): readonly Reason[] => {
    const now = contract.events[event]
    if (now !== undefined) return readings(consumer, event, misreadings(now.schema, schema), `${service}@${release.version}`)
    // Somebody else may announce it; what ran until now says who did.
    const before = facts.releases.get(`${service}@${runs ?? ''}`)
    if (before?.contract.events[event] === undefined) return []
    return [
      {
        answer: 'no',
        about: consumer,
        where: event,
        because: `it reacts to "${event}", which ${service}@${release.version} announces no more`,
      },
    ]
  })
  return [...called, ...heard]
}

/** Whatever it uses itself. */
function providerReasons(facts: Facts, release: Release, running: Readonly<Record<string, string>>): readonly Reason[] {
  const consumer = `${release.service}@${release.version}`
  const pacts = facts.pacts.get(consumer) ?? []
  const used = new Set([...Object.keys(release.needs), ...pacts.map(({ pact }) => pact.provider)])
  return [...used].flatMap((need): readonly Reason[] => {
    const at = running[need]
    if (at === undefined) return [{ answer: 'no', about: need, because: `${consumer} calls it, and it does not run there` }]
    const provider = facts.releases.get(`${need}@${at}`)
    const own = pacts.filter(({ pact }) => pact.provider === need)
    const asked = provider ?? { service: need, version: at, contract: undefined }
    return usedReasons(facts, { consumer, pacts: own, view: release.needs[need] }, { release: asked, blamed: `${need}@${at}` })
  })
}

type Using = { readonly consumer: string; readonly pacts: readonly PactFile[]; readonly view: ContractDescription | undefined }
type Asked = Pick<Release, 'service' | 'version'> & { readonly contract: ContractDescription | undefined }

/** By pacts where there are some, for they say what is used; else by what was promised when the consumer was built. */
function usedReasons(
  facts: Facts,
  { consumer, pacts, view }: Using,
  { release, blamed }: { readonly release: Asked; readonly blamed: string },
): readonly Reason[] {
  const provider = `${release.service}@${release.version}`
  if (pacts.length > 0) return pacts.flatMap((file) => pactReasons(facts, file, { consumer, provider, release, blamed }))
  if (view === undefined) return []
  if (release.contract === undefined) return [unknown(provider, 'what it promises is not known: `keepRelease` keeps it')]
  const breaking = compareContracts(view, release.contract).filter(
    ({ level, breaks }) => level === 'breaking' && breaks === 'callers',
  )
  if (breaking.length === 0)
    return [{ answer: 'yes', about: blamed, because: `${provider} promises all that ${consumer} was built with` }]
  return breaking.map(({ where, message }) => ({
    ...{ answer: 'no' as const, about: blamed, where },
    because: `${consumer} was built with ${where}, which in ${provider} ${message}`,
  }))
}

function pactReasons(
  { verified }: Facts,
  { sha256, pact, file }: PactFile,
  {
    consumer,
    provider,
    release,
    blamed,
  }: { readonly consumer: string; readonly provider: string; readonly release: Asked; readonly blamed: string },
): readonly Reason[] {
  const found = verified.filter(
    (one) => one.provider === release.service && one.version === release.version && one.pacts.some((of) => of.sha256 === sha256),
  )
  if (found.length === 0) return [unknown(blamed, `${provider} was not verified with the pact of ${consumer} ("${file}")`)]
  // What failed once and was well another time is not well.
  const failed = found.flatMap((one) => failuresOf(one, pact))
  if (failed.length > 0)
    return failed.map(({ interaction, test, where, expected, got }) => ({
      ...{ answer: 'no' as const, about: blamed, where },
      because: `${consumer} expects ${expected} of "${interaction}", and ${provider} gives ${got}`,
      ...(test !== undefined && { since: test }),
    }))
  return [{ answer: 'yes', about: blamed, because: `${provider} was verified with the pact of ${consumer}` }]
}

function failuresOf(
  { interactions, pacts }: Verification,
  { consumer, interactions: own }: PactFile['pact'],
): readonly Failure[] {
  const names = new Set(own.map(({ description }) => description))
  const of = interactions.filter((one) => one.consumer === consumer && names.has(one.interaction) && !one.pending)
  const found = of.flatMap(({ interaction, test, failures }) => failures.map((failure) => ({ interaction, test, ...failure })))
  // A result that says nothing of what it judged does not make it well.
  const wrong = pacts.some((one) => one.consumer === consumer && !one.ok) && found.length === 0
  return wrong ? [{ interaction: 'its pact', test: undefined, where: 'pact', expected: 'all', got: 'less' }] : found
}

type Failure = {
  readonly interaction: string
  readonly test: string | undefined
  readonly where: string
  readonly expected: string
  readonly got: string
}

/** Events of those who run there, which it reacts to. */
function hearingReasons(
  facts: Facts,
  release: Release,
  others: readonly (readonly [service: string, version: string])[],
): readonly Reason[] {
  return Object.entries(release.hears).flatMap(([event, { schema }]) =>
    others.flatMap(([other, at]) => {
      const announced = facts.releases.get(`${other}@${at}`)?.contract.events[event]
      return announced === undefined
        ? []
        : readings(`${release.service}@${release.version}`, event, misreadings(announced.schema, schema), `${other}@${at}`)
    }),
  )
}

function readings(reader: string, event: string, wrong: readonly string[], writer: string): readonly Reason[] {
  if (wrong.length === 0) return [{ answer: 'yes', about: reader, because: `it reads "${event}" as ${writer} announces it` }]
  return wrong.map((what) => ({
    ...{
      answer: 'no' as const,
      about: reader,
      because: `of "${event}", as ${writer} announces it, ${what.charAt(0).toLowerCase()}${what.slice(1)}`,
    },
    where: `${event} ${/^"([^"]*)"/.exec(what)?.[1] ?? ''}`.trim(),
  }))
}

/**
 * What in the migrations of a version keeps the version before from running beside it on the same store, or from coming back: a step that
 * is gone or another one, and a new one that takes something away.
 *
 * @example
 * ```ts
 * import { changedMigrations, releaseOf } from '@dure/testing/contracts'
 * import { contract } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { service } from 'dure/service'
 *
 * const notes = (version: string, migrations: Record<string, string>) =>
 *   releaseOf(service(contract('notes', { version, owner: 'team-notes', operations: {} }), { database: database({ migrations }), handlers: {} }))
 * const before = notes('1.0.0', { '001': 'CREATE TABLE notes (id TEXT)' })
 * const after = notes('1.1.0', { '001': 'CREATE TABLE notes (id TEXT)', '002': 'DROP TABLE notes' })
 * console.log(changedMigrations(before, after)[0]?.where) // → migration 002
 * ```
 */
export function changedMigrations(before: Release, release: Release): readonly Reason[] {
  const about = `${before.service}@${before.version}`
  const at = before.version
  const changed = Object.entries(before.migrations).flatMap(([name, step]): readonly Reason[] => {
    const now = release.migrations[name]
    if (now !== undefined && now.step === step.step) return []
    const how = now === undefined ? 'is gone' : 'is another one'
    return [
      {
        answer: 'no',
        about,
        where: `migration ${name}`,
        because: `its migration "${name}" ${how} in ${release.version}: a store that has it cannot go on`,
      },
    ]
  })
  const taken = Object.entries(release.migrations).flatMap(([name, { contracts }]): readonly Reason[] => {
    if (!contracts || Object.hasOwn(before.migrations, name)) return []
    return [
      {
        ...{ answer: 'no', about, where: `migration ${name}` },
        because: `migration "${name}" takes away or changes what copies of ${at} use while they run; do so in a version after this`,
      },
    ]
  })
  return [...changed, ...taken]
}

/** Its store was made by the version before, which may still run beside it. */
function migrationReasons({ releases }: Facts, release: Release, at: string | undefined): readonly Reason[] {
  if (at === undefined || at === release.version) return []
  const about = `${release.service}@${at}`
  const before = releases.get(about)
  if (before === undefined) return [unknown(about, 'its migrations are not known: `keepRelease` keeps them')]
  const wrong = changedMigrations(before, release)
  if (wrong.length > 0) return wrong
  return [{ answer: 'yes', about, because: `the migrations of ${release.version} only add to its own` }]
}

function unknown(about: string, because: string): Reason {
  return { answer: 'unknown', about, because }
}

/**
 * A judgement in words. The reasons for a no and for what is not known are always told; `because`: those for a yes as well.
 *
 * @example
 * ```ts
 * import { describeJudgement } from '@dure/testing/contracts'
 *
 * const question = { service: 'prices', version: '1.1.0', to: 'production' }
 * const because = 'shop@2.1.0 expects a whole number of "of", and prices@1.1.0 gives "250"'
 * const reason = { answer: 'no', about: 'shop@2.1.0', because, where: 'body $.cents', since: 'prints a label' } as const
 * console.log(describeJudgement({ question, answer: 'no', reasons: [reason] }).split('\n')[0]) // → No: prices@1.1.0 cannot go to production.
 * ```
 */
export function describeJudgement(
  { question, answer, reasons }: Judgement,
  options: { readonly because?: boolean } = {},
): string {
  const { service, version, to } = question
  const name = `${service}@${version}`
  const first = {
    yes: `Yes: ${name} can go to ${to}.`,
    no: `No: ${name} cannot go to ${to}.`,
    unknown: `Unknown: whether ${name} can go to ${to} cannot be said, so it may not.`,
  }[answer]
  const told = reasons.filter((one) => options.because === true || one.answer !== 'yes')
  const words = { yes: 'fine', no: 'breaks', unknown: 'unknown' }
  return [
    first,
    ...told.map(({ answer: own, about, because, where, since }) => {
      const at = where === undefined ? '' : ` [${where}]`
      return `  ${words[own]} ${about}${at}: ${because}${since === undefined ? '' : ` (since the test "${since}")`}`
    }),
  ].join('\n')
}
