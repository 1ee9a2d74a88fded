/** Notes how something is now; answers what takes it back to that, as long as this is not called again. */
export type Mark = () => () => void

/** All of these as one. */
export function marks(...all: readonly (Mark | undefined)[]): Mark {
  return () => {
    const undos = all.flatMap((mark) => mark?.() ?? [])
    return () => {
      for (const undo of undos) undo()
    }
  }
}
