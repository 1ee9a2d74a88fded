import { seededRandom, type Random } from 'dure/runtime'

/**
 * Where work waits its turn: so many at once, and so many alike beside each other, of which work takes the shorter queue of two.
 * `times`: how much longer work takes there than it says, for what it does beside calls.
 */
export type Station = { readonly servers: number; readonly copies: number; readonly times: number }

/** What work does: a turn at a station, or a wait that nobody else makes longer. Milliseconds, on the average. */
export type Step = { readonly at: string; readonly ms: number } | { readonly wait: number }

/** Work of one kind that comes by chance, so many a second. What is not `asked` for is work beside: its time nobody waits for. */
export type Flow = {
  readonly name: string
  readonly perSecond: number
  readonly asked: boolean
  readonly steps: (random: Random) => readonly Step[]
}

export type Network = {
  readonly stations: Readonly<Record<string, Station>>
  readonly flows: readonly Flow[]
  /** Stations whose work needs a processor of one computer as well, which has so many. */
  readonly shared?: { readonly processors: number } | undefined
}

/** Milliseconds; `behind` when work came faster than it was done, so that times say nothing. */
export type Response = {
  readonly name: string
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly behind: boolean
}

type Job = { readonly flow: Flow; readonly begun: number; readonly steps: readonly Step[]; next: number }
type Turn = { readonly ms: number; readonly done: () => void }

/**
 * Plays a network of queues: calls that come by chance (Poisson), turns of chance length (exponential), first come first served.
 * The same network and seed give the same times.
 * @param work so many calls that are asked for, the first tenth of which does not count
 */
export function simulate(
  network: Network,
  { seed = 1, work = 40_000 }: { readonly seed?: number; readonly work?: number } = {},
): readonly Response[] {
  const random = seededRandom(seed)
  const events = createEvents()
  const chance = (mean: number): number => -mean * Math.log(1 - random.number())
  const run = (ms: number, done: () => void): void => events.after(ms, done)
  const processors = network.shared && queue(network.shared.processors, run)
  const places = new Map(
    Object.entries(network.stations).map(([name, { servers, copies, times }]) => {
      const turn = processors === undefined ? run : (ms: number, done: () => void) => processors.take({ ms, done })
      const queues = Array.from({ length: copies }, () => queue(servers, turn))
      return [name, { times, shortest: () => shorter(queues, random) }]
    }),
  )
  const asked = new Map<string, number[]>()
  let [finished, waiting] = [0, 0]
  const advance = (job: Job): void => {
    const step = job.steps[job.next++]
    if (step === undefined) return ended(job)
    if ('wait' in step) return run(step.wait, () => advance(job))
    const place = places.get(step.at)!
    place.shortest().take({ ms: chance(step.ms * place.times), done: () => advance(job) })
  }
  const ended = ({ flow, begun }: Job): void => {
    if (!flow.asked) return
    waiting--
    if (++finished <= work / 10) return
    const times = asked.get(flow.name) ?? []
    asked.set(flow.name, times)
    times.push(events.now() - begun)
  }
  const arrive = (flow: Flow): void => {
    if (flow.asked) waiting++
    advance({ flow, begun: events.now(), steps: flow.steps(random), next: 0 })
    events.after(chance(1_000 / flow.perSecond), () => arrive(flow))
  }
  for (const flow of network.flows) if (flow.perSecond > 0) events.after(chance(1_000 / flow.perSecond), () => arrive(flow))
  // As many may wait as a tenth of all before nobody believes that they are going to be answered.
  while (finished < work && waiting <= work / 10 && events.next());
  return [...asked].map(([name, times]) => ({ name, ...spreadOf(times), behind: waiting > work / 10 }))
}

type Queue = { readonly take: (turn: Turn) => void; readonly length: () => number }

function queue(servers: number, run: (ms: number, done: () => void) => void): Queue {
  const waiting: Turn[] = []
  let [busy, first] = [0, 0]
  const begin = (turn: Turn): void => {
    busy++
    run(turn.ms, () => {
      busy--
      const next = waiting[first]
      if (next === undefined) waiting.length = first = 0
      else {
        first++
        begin(next)
      }
      turn.done()
    })
  }
  return { take: (turn) => void (busy < servers ? begin(turn) : waiting.push(turn)), length: () => busy + waiting.length - first }
}

function shorter(queues: readonly Queue[], random: Random): Queue {
  const one = queues[random.integer(queues.length)]!
  if (queues.length === 1) return one
  const other = queues[random.integer(queues.length)]!
  return other.length() < one.length() ? other : one
}

function spreadOf(times: readonly number[]): Pick<Response, 'mean' | 'p50' | 'p99'> {
  const sorted = times.toSorted((a, b) => a - b)
  const part = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { mean: sorted.reduce((sum, one) => sum + one, 0) / Math.max(1, sorted.length), p50: part(0.5), p99: part(0.99) }
}

type Due = { readonly at: number; readonly task: () => void }

/** What happens when, in a binary heap. */
function createEvents() {
  const heap: Due[] = []
  let now = 0
  const swap = (a: number, b: number): void => void ([heap[a], heap[b]] = [heap[b]!, heap[a]!])
  const sink = (from: number): void => {
    for (let parent = from, child: number; (child = 2 * parent + 1) < heap.length; parent = child) {
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[parent]!.at <= heap[child]!.at) return
      swap(parent, child)
    }
  }
  return {
    now: () => now,
    after: (ms: number, task: () => void): void => {
      heap.push({ at: now + ms, task })
      for (let child = heap.length - 1; child > 0;) {
        const parent = (child - 1) >> 1
        if (heap[parent]!.at <= heap[child]!.at) return
        swap(parent, child)
        child = parent
      }
    },
    /** The next one happens; false when there is none. */
    next: (): boolean => {
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined) return false
      if (heap.length > 0) {
        heap[0] = last
        sink(0)
      }
      now = first.at
      first.task()
      return true
    },
  }
}
