/**
 * One run queue under virtual time. Everything that happens in a run is a task of this queue, or a promise that such a
 * task settles. The event loop does not turn while a run is under way: whatever a system asks of the real world (a
 * file's promise, a socket, a timer) is not answered, and is noticed (escapes.ts).
 */
export type Engine = {
  /** Milliseconds since the run began, fractional. */
  readonly now: () => number
  /** Puts a task on the queue; tasks of one moment run in the order in which they were put there. */
  readonly at: (time: number, owner: Owner | undefined, task: () => void) => Task
  /** Puts a task that was held back on the queue, now. */
  readonly again: (task: Task) => void
  /** Tasks that have run. */
  readonly count: () => number
  /** Waits for work of the real world, such as loading a module: no task runs meanwhile, and virtual time stands still. */
  readonly aside: <T>(work: Promise<T>) => Promise<T>
  /** Whether such work is under way. */
  readonly isAside: () => boolean
  /** Runs until `done`, until nothing is left to do, or to a bound. */
  readonly run: (options: { done: () => boolean; until: number; most: number }) => Promise<'done' | 'idle' | 'late' | 'busy'>
}

/** Whoever a task belongs to: a dead one's tasks do not run, a frozen one's wait. */
export type Owner = { state: 'alive' | 'frozen' | 'dead'; held: Task[] }

export type Task = {
  time: number
  order: number
  readonly owner: Owner | undefined
  run: (() => void) | undefined
}

export function createEngine(): Engine {
  const heap: Task[] = []
  let now = 0
  let order = 0
  let count = 0
  let aside: Promise<unknown> | undefined

  const take = (until: number): Task | 'idle' | 'late' => {
    for (;;) {
      const task = heap[0]
      if (task === undefined) return 'idle'
      if (task.run !== undefined && task.time > until) return 'late'
      removeFirst(heap)
      if (task.run === undefined || task.owner?.state === 'dead') continue
      if (task.owner?.state === 'frozen') task.owner.held.push(task)
      else return task
    }
  }

  return {
    now: () => now,
    count: () => count,
    at: (time, owner, run) => {
      const task: Task = { time: Math.max(now, time), order: order++, owner, run }
      insert(heap, task)
      return task
    },
    again: (task) => {
      task.time = now
      task.order = order++
      insert(heap, task)
    },
    aside: (work) => {
      const all = Promise.allSettled([aside, work]).then(() => void (aside === all && (aside = undefined)))
      aside = all
      return work
    },
    isAside: () => aside !== undefined,
    run: ({ done, until, most }) =>
      new Promise((resolve, reject) => {
        // Promises run dry before a tick that was asked for in a microtask; the event loop does not turn in between.
        const settle = (): void => process.nextTick(turn)
        const turn = (): void => {
          if (aside !== undefined) return void aside.then(settle)
          try {
            if (done()) return resolve('done')
            if (count >= most) return resolve('busy')
            const task = take(until)
            if (typeof task === 'string') return resolve(task)
            if (task.time > now) now = task.time
            count++
            const { run } = task
            task.run = undefined
            run!()
          } catch (error) {
            return reject(error as Error)
          }
          queueMicrotask(settle)
        }
        queueMicrotask(settle)
      }),
  }
}

function before(a: Task, b: Task): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

function insert(heap: Task[], task: Task): void {
  let at = heap.length
  heap.push(task)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(task, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = task
}

function removeFirst(heap: Task[]): void {
  const last = heap.pop()!
  const { length } = heap
  if (length === 0) return
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= length) break
    if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
}
