/** The settings of a system's process, and releases of changes over all of its processes. */
import {
  afterEnd,
  createParticipant,
  createWaves,
  currentOf,
  insteadOf,
  lastGoodFiles,
  noConfiguration,
  openConfiguration,
  openKeys,
  releaseFile,
  resumed,
  shown,
  type ConfigContent,
  type Configuration,
  type Looked,
  type Member,
  type Participant,
  type ReleaseState,
  type Waves,
} from '../config/internal.ts'
import type { ConfigStatus } from '../config/config.ts'
import { CallError } from '../contract/contract.ts'
import type { Disposables } from './disposables.ts'
import type { Hosted, Other, Others, Settings, SettingsQuestion } from './settings-host.ts'
import type { System, World } from './system.ts'

/** Milliseconds that the first of the others has to say what its settings are. */
const ANSWER_TIMEOUT = 2_000

/** @param others undefined: the whole system is in this process */
export async function openSettings(
  system: System,
  world: World,
  disposables: Disposables,
  others: Others | undefined,
): Promise<Settings> {
  const { name, services, config } = system
  const having = services.filter((service) => service.config !== undefined).map(({ contract }) => contract.name)
  if (config.sources.length === 0 && having.length === 0) return withoutSettings
  // Hosts may have files of their own.
  const isWaved = config.waves !== false && having.length > 0 && (world.scope === undefined || config.waves !== undefined)
  let begun: ReleaseState | undefined
  const id = others?.id ?? 'here'
  const file = releaseFile(world.directory, id, world.runtime.random)
  let known: ReleaseState | undefined
  const from = async () => {
    begun = await stateOf(others!.present(having), world)
    return begun && currentOf(begun).content
  }
  const instead = async (content: ConfigContent) => {
    const saved = begun === undefined ? file.load(await openKeys(config), content) : undefined
    known = saved && afterEnd(saved, content.mark)
    return known && insteadOf(known, content)
  }
  const configuration = await openConfiguration({
    ...{ system: name, services, config, world, lastGood: lastGoodFiles(world.directory) },
    ...(isWaved && { instead, ...(others !== undefined && { from }) }),
  })
  disposables.add('settings', configuration.stop)
  world.telemetry?.metrics.observe(configuration.readings)
  if (!isWaved) return followed(configuration)
  const steered = configuration.steered!
  const now = world.runtime.clock.now()
  const participant = createParticipant({ steered, id, now, begun: begun ?? (known && resumed(known, steered.now(), now)) })
  const keep = async (state: ReleaseState): Promise<void> => {
    try {
      const contents = state.releases.flatMap(({ content }) => (content === undefined ? [] : [content]))
      const secrets = new Map(await Promise.all(contents.map(async (one) => [one, await steered.secrets(one)] as const)))
      file.save(state, { keys: await openKeys(config), secrets: (content) => secrets.get(content)! })
    } catch (error) {
      world.log.warn('Cannot keep what is known of releases of settings for the next start', { error })
    }
  }
  return waved({ system, world, disposables, configuration, participant, others, id, having, keep })
}

/** What the others have now: the first of them who says so. */
async function stateOf(present: readonly Other[], { runtime }: World): Promise<ReleaseState | undefined> {
  if (present.length === 0) return undefined
  const first = Promise.withResolvers<ReleaseState | undefined>()
  const late = runtime.timers.after(ANSWER_TIMEOUT, () => first.resolve(undefined), 'waited')
  const told = present.map(async (one) => first.resolve((await one.ask({ ask: 'state' })) as ReleaseState))
  void Promise.allSettled(told).then(() => first.resolve(undefined))
  return first.promise.finally(late.cancel)
}

function waved(options: {
  readonly system: System
  readonly world: World
  readonly disposables: Disposables
  readonly configuration: Configuration
  readonly participant: Participant
  readonly others: Others | undefined
  readonly id: string
  readonly having: readonly string[]
  readonly keep: (state: ReleaseState) => Promise<void>
}): Settings {
  const { system, world, disposables, configuration, participant, others, id, having, keep } = options
  const { runtime, log } = world
  let instances: readonly Hosted[] = []
  let waves: Waves | undefined
  const own = (): readonly Hosted[] => instances.filter((one) => having.includes(one.name))
  const look = async (): Promise<readonly Looked[]> => Promise.all(own().map((one) => one.look()))
  const here = (): Member => ({
    ...{ id, name: own()[0]?.copy ?? id, services: own().map((one) => one.name), look },
    state: async () => participant.state(),
    step: participant.step,
  })
  const members = (): readonly Member[] =>
    others?.present(having).map((one) => (one.id === id ? here() : memberOf(one))) ?? [here()]
  const answer: Settings['answer'] = async (question) => {
    if ('step' in question) return participant.step(question.step)
    if ('rollback' in question) return led().rollback(question.rollback)
    if ('release' in question) return led().release(question.release)
    if (question.ask === 'look') return look()
    return question.ask === 'state' ? participant.state() : configuration.status()
  }
  const led = (): Waves => {
    if (waves !== undefined) return waves
    throw new CallError('UNAVAILABLE', 'Settings cannot be changed yet: the process is still starting')
  }
  /** Of whoever leads. */
  const ask = async <T>(question: SettingsQuestion): Promise<T> => {
    const [leader] = others?.present(having) ?? []
    if (others !== undefined && leader === undefined)
      throw new CallError('UNAVAILABLE', 'Cannot ask about settings: no service that has some takes calls now')
    return (await (leader === undefined || leader.id === id ? answer(question) : leader.ask(question))) as T
  }
  return {
    configuration,
    answer,
    host: {
      // Nobody may have begun yet.
      status: () => ask<ConfigStatus>({ ask: 'status' }).catch(() => configuration.status()),
      history: async () => (await ask<ReleaseState>({ ask: 'state' })).releases.toReversed().map(shown),
      rollback: (how = {}) => ask({ rollback: how }),
      release: (how = {}) => ask({ release: how }),
    },
    begin: ({ instances: hosted, acts }) => {
      instances = hosted
      const { waves: said = {} } = system.config
      const steered = configuration.steered!
      const fleet = { members, watch: others?.watch ?? (() => ({ stop: () => {} })) }
      waves = createWaves({ id, steered, participant, fleet, runtime, log, acts, keep, waves: said === false ? {} : said })
      disposables.add('releases of settings', waves.stop)
    },
  }
}

function memberOf({ id, name, services, ask }: Other): Member {
  return {
    ...{ id, name, services },
    state: async () => (await ask({ ask: 'state' })) as ReleaseState,
    step: async (step) => (await ask({ step })) as Awaited<ReturnType<Member['step']>>,
    look: async () => (await ask({ ask: 'look' })) as readonly Looked[],
  }
}

/** Each process takes what its sources have. */
function followed(configuration: Configuration): Settings {
  const refused = async (): Promise<never> => {
    throw new CallError(
      'FAILED_PRECONDITION',
      'Cannot change settings here: each process follows its sources by itself; change those, or say `config: { sources, waves: {} }`',
    )
  }
  return {
    configuration,
    answer: async () => configuration.status(),
    host: { status: async () => configuration.status(), history: async () => [], rollback: refused, release: refused },
    begin: () => {},
  }
}

/** Of a system, or a process, in which nothing has some. */
export const withoutSettings: Settings = followed(noConfiguration)
