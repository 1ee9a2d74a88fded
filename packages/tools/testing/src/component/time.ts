import { createEngine, type Engine } from '@dure/simulation/internal'
import { keepAlive, realRuntime } from 'dure/runtime'

/** The queue that everything of a test system runs on, and what makes it go on. */
export type Time = Pick<Engine, 'now' | 'at' | 'again'> & {
  readonly virtual: boolean
  /** Waits for work of the system. Virtual time goes on meanwhile, and stands still otherwise. */
  readonly during: <T>(work: () => Promise<T>) => Promise<T>
  /** Nothing that was put on the queue happens any more. */
  readonly end: () => void
}

/** Tasks on the event loop's timers. Those of a frozen process are held, those of a dead one dropped, as under virtual time. */
export function realTime(): Time {
  const { clock, timers } = realRuntime()
  const begin = clock.monotonic()
  const waiting = new Set<{ readonly cancel: () => void }>()
  let ended = false
  const now = (): number => clock.monotonic() - begin

  const put = (task: Task, ms: number): void => {
    if (ended) return
    const go = (): void => {
      task.waits = undefined
      const { owner, run } = task
      if (run === undefined || owner?.state === 'dead') return
      if (owner?.state === 'frozen') return void owner.held.push(task)
      task.run = undefined
      if (!ended) run()
    }
    if (ms <= 0) return timers.soon(go)
    const timer = timers.after(ms, () => {
      waiting.delete(timer)
      go()
    })
    waiting.add(timer)
    task.waits = () => {
      waiting.delete(timer)
      timer.cancel()
    }
  }

  return {
    virtual: false,
    now,
    at: (time, owner, run) => {
      const task = taskOf(time, owner, run)
      put(task, time - now())
      return task
    },
    again: (task) => put(task as Task, 0),
    during: async (work) => {
      const alive = keepAlive()
      try {
        return await work()
      } finally {
        alive.stop()
      }
    },
    end: () => {
      ended = true
      for (const timer of waiting) timer.cancel()
      waiting.clear()
    },
  }
}

type Task = ReturnType<Engine['at']> & { waits: (() => void) | undefined }

/** Whoever takes its work away cancels it: then its timer is not to be waited for. */
function taskOf(time: number, owner: Task['owner'], work: () => void): Task {
  let run: Task['run'] = work
  const task: Task = {
    ...{ time, order: 0, owner, waits: undefined },
    get run() {
      return run
    },
    set run(next) {
      run = next
      if (next === undefined) task.waits?.()
    },
  }
  return task
}

/** Tasks that run between two looks at whether there is still somebody who waits. */
const AT_ONCE = 1_000_000

/** The simulation's queue: time moves to the next task while somebody waits. */
export function virtualTime(): Time {
  const engine = createEngine()
  let waiting = 0
  let running = false
  let ended = false
  const go = async (): Promise<void> => {
    running = true
    while (waiting > 0 && !ended) {
      const how = await engine.run({
        done: () => waiting === 0 || ended,
        until: Number.POSITIVE_INFINITY,
        most: engine.count() + AT_ONCE,
      })
      // Nothing of the system is left to do: whoever is waited for waits for the real world.
      if (how !== 'done') await new Promise((resolve) => void setImmediate(resolve))
    }
    running = false
  }
  return {
    ...engine,
    virtual: true,
    during: async (work) => {
      const alive = keepAlive()
      waiting++
      if (!running) void go()
      try {
        return await work()
      } finally {
        waiting--
        alive.stop()
      }
    },
    end: () => void (ended = true),
  }
}
