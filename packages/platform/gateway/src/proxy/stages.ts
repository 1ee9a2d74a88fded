/** What becomes of an answer's body on its way to the client: stages, one after the other, each as fast as the next one takes. */

/** Where a stage's bytes go on to. They are not changed any more: whoever gets them may keep them. */
export type StageOut = {
  /** True: no more until it is `drained`. */
  readonly write: (bytes: Buffer) => boolean
  readonly end: () => void
  /** Whoever gives the stage its bytes may go on. */
  readonly ready: () => void
  /** The body cannot come to its end: the client's connection ends before it. */
  readonly fail: (error: Error) => void
}

export type Stage = {
  /** Takes bytes of the body. True: no more until the stage says that it is `ready`. */
  readonly write: (bytes: Buffer) => boolean
  readonly end: () => void
  /** Whoever gets its bytes takes more again. */
  readonly drained: () => void
  /** The body will not come to its end. */
  readonly stop: () => void
}

export type MakeStage = (out: StageOut) => Stage

/** All stages of one body as one. */
export function chain(makes: readonly MakeStage[], sink: StageOut): Stage {
  const stages: Stage[] = []
  for (let i = makes.length - 1; i >= 0; i--) {
    const next = stages[0]
    const at = i
    const made = makes[i]!({
      write: next === undefined ? sink.write : next.write,
      end: next === undefined ? sink.end : next.end,
      ready: () => (at === 0 ? sink.ready() : stages[at - 1]!.drained()),
      fail: sink.fail,
    })
    stages.unshift(made)
  }
  const [first, last] = [stages[0]!, stages.at(-1)!]
  return {
    write: first.write,
    end: first.end,
    drained: last.drained,
    stop: () => {
      for (const stage of stages) stage.stop()
    },
  }
}
