import type { Running, SystemStatus } from 'dure/service'
import { watchEscapes } from '../kernel/kernel.ts'
import type { CheckWorld } from './options.ts'
import type { Outcome, Told } from './outcome.ts'
import { createReaders } from './rows.ts'
import { endMarks } from './sometimes.ts'
import { comesFromClosed, messageOf, Violation } from './violation.ts'
import { askedOf, createWorld, durationOf, type RunOptions, type World } from './world.ts'

/** Milliseconds of virtual time: to come up, to come to rest when everything is healed, and to be checked. */
const [START, REST, CHECK] = [60_000, 240_000, 60_000]
/** Times that dead letters are tried again at the end, unless it is said: those left then are dead for a reason of their own. */
const TRIES = 2
/** Tasks of one run: more is a loop that goes nowhere. */
const MOST_TASKS = 5_000_000

/** How far a run has come. */
type Progress = { phase: string; checking: string; status: SystemStatus | undefined }

/** One run of one seed. */
export async function run(options: RunOptions): Promise<Outcome> {
  const { seed, simulation, folder, files } = options
  const world = await createWorld(options)
  const { engine, network, load, marks, servers, slots, guards } = world
  const readers = createReaders(folder.path)
  const progress: Progress = { phase: 'coming up', checking: '', status: undefined }
  const unseen: unknown[] = []
  // What runs on in a dead process comes upon files that were closed.
  const onUnseen = (error: unknown): void => void (comesFromClosed(error) || unseen.push(error))
  process.on('unhandledRejection', onUnseen)
  folder.reset(files)
  const escapes = watchEscapes(engine.isAside)
  try {
    let result: { readonly error: unknown } | undefined
    play(world, options, progress, readers.rows).then(
      () => void (result = { error: undefined }),
      (error: unknown) => void (result = { error }),
    )
    const ended = await engine.run({
      done: () => result !== undefined || load.violation() !== undefined,
      until: START + durationOf(simulation) + REST + CHECK,
      most: MOST_TASKS,
    })
    const escaped = escapes.stop()
    const { retries, ejections } = network.counts()
    if (retries > 0) marks.set('a call was sent again', retries)
    if (ejections > 0) marks.set('an instance was left out', ejections)
    // Rejections that nobody has looked at are told when the event loop turns.
    await new Promise((resolve) => void setImmediate(resolve))
    const told = toldOf(world, seed)
    const error = load.violation() ?? result?.error
    if (escaped.length > 0) return { kind: 'escaped', message: escaped.join(', '), ...told }
    if (error instanceof Violation) return { kind: 'violated', invariant: error.invariant, message: error.message, ...told }
    if (error !== undefined) return { kind: 'failed', message: messageOf(error), ...told }
    if (ended !== 'done') return { kind: 'stuck', phase: progress.phase, message: whyStuck(world, progress, ended), ...told }
    if (unseen.length === 0) return { kind: 'held', ...told }
    return { kind: 'failed', message: `A rejection that nobody looked at: ${messageOf(unseen[0])}`, ...told }
  } finally {
    escapes.stop()
    process.off('unhandledRejection', onUnseen)
    endMarks()
    readers.close()
    // Without the files there is no log to be written back when they are closed.
    folder.reset(new Map())
    slots.stop()
    guards.stop()
    servers.close()
  }
}

/** What happens in a run, one thing after another: it comes up, users work while faults befall it, it is healed and checked. */
async function play(world: World, { simulation }: RunOptions, progress: Progress, rows: CheckWorld['rows']): Promise<void> {
  const { engine, faults, nemesis, network, slots, load, outside, guarded } = world
  const duration = durationOf(simulation)
  const ready = async (every: number): Promise<void> => {
    while (!slots.ready()) await outside.sleep(every)
  }
  for (const slot of slots.all) slots.start(slot)
  await ready(20)
  // The news of who is where takes a moment to get about.
  await outside.sleep(500)
  progress.phase = 'setting up'
  // What is made here, users go on with: a door, a client.
  await simulation.load.setup?.(guarded)
  progress.phase = 'load'
  nemesis.begin(slots)
  slots.upgrade(duration)
  const users = load.begin(engine.now() + duration)
  await outside.sleep(duration)
  progress.phase = 'healing'
  faults.heal()
  nemesis.heal(slots)
  network.heal()
  slots.upgrade(0)
  await ready(100)
  progress.phase = 'coming to rest'
  await users
  await comeToRest(world, progress, simulation.tries ?? TRIES)
  progress.phase = 'checking'
  const status = async (): Promise<SystemStatus> => (await world.running()?.status())!
  for (const [name, check] of Object.entries(simulation.invariants)) {
    progress.checking = ` "${name}"`
    try {
      await check({ ...outside, ...askedOf(world.running), rows, status })
    } catch (error) {
      throw new Violation(name, messageOf(error))
    }
  }
}

/** Quiet twice in a row; what died of the faults is tried again, as somebody would who has mended them. */
async function comeToRest({ running, outside, sometimes }: World, progress: Progress, most: number): Promise<void> {
  let tries = 0
  for (let calm = 0; calm < 2;) {
    await outside.sleep(500)
    progress.status = await running()?.status()
    calm = progress.status?.quiet === true ? calm + 1 : 0
    const dead = progress.status?.services.filter((one) => one.dead > 0) ?? []
    if (calm < 2 || tries === most) continue
    const resumed = await resumeSagas(running())
    if (resumed > 0) sometimes('a paused saga was resumed')
    if (resumed + dead.length === 0) continue
    tries++
    calm = 0
    for (const { service } of dead) {
      sometimes('a dead letter was tried again')
      await running()?.deadLetters(service)?.retry()
    }
  }
}

/** Has sagas go on that have paused; answers how many. */
async function resumeSagas(running: Running | undefined): Promise<number> {
  let resumed = 0
  for (const service of new Set(running?.extensions.flatMap((one) => (one.kind === 'saga' ? [one.service] : []))))
    for (const { saga, id } of await pausedOf(running!, service)) {
      const input = { saga, id, by: 'simulation', why: 'What failed is healed' }
      // It may have been resumed meanwhile.
      const done = await running!.ask(service, { kind: 'saga', method: 'resume', input }).catch(() => undefined)
      if (done !== undefined) resumed++
    }
  return resumed
}

async function pausedOf(running: Running, service: string): Promise<readonly { readonly saga: string; readonly id: string }[]> {
  const listed = await running.ask(service, { kind: 'saga', method: 'list', input: { state: 'paused' } })
  return listed as Awaited<ReturnType<typeof pausedOf>>
}

function toldOf({ engine, trace, placed, faults, load, marks }: World, seed: number): Told {
  return {
    seed,
    hash: trace.hash(),
    placed,
    kinds: [...faults.kinds],
    faults: faults.happened(),
    sometimes: Object.fromEntries(marks),
    steps: load.made(),
    refused: load.refused(),
    virtual: engine.now(),
    tasks: engine.count(),
    lines: trace.lines(),
  }
}

function whyStuck({ engine, load, failedStarts }: World, progress: Progress, ended: 'idle' | 'late' | 'busy'): string {
  const { phase, checking, status } = progress
  const seconds = `${Math.round(engine.now() / 1_000)} s of virtual time`
  const after = { idle: `${seconds}, with nothing left to happen`, busy: `${seconds} and ${engine.count()} tasks`, late: seconds }
  const why = failedStarts.length > 0 ? `; ${failedStarts[0]}` : ''
  const hanging = load.inHand()
  const users = phase === 'coming to rest' && hanging.length > 0 ? `; never ended: ${hanging.join(', ')}` : ''
  return `It is still ${phase}${checking} after ${after[ended]}${why}${users}${checking === '' ? busyWith(status) : ''}`
}

/** Who is not at rest, in words. */
function busyWith(status: SystemStatus | undefined): string {
  if (status === undefined) return ''
  const busy = status.services
    .filter((one) => one.outbox > 0 || one.waiting > 0 || one.inHand > 0 || one.callsInFlight > 0)
    .map(
      (one) => `${one.service} (outbox ${one.outbox}, in hand ${one.inHand}, waiting ${one.waiting}, calls ${one.callsInFlight})`,
    )
  const behind = status.lag.map(({ group, topic, lag }) => `${group} is ${lag} behind on ${topic}`)
  return busy.length + behind.length === 0 ? '' : `: ${[...busy, ...behind].join('; ')}`
}
