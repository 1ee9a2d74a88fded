/** A question that a page asks, and asks again while somebody looks. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ask } from './api.ts'
import { live } from './settings.ts'

export type Answer<T> = {
  readonly value: T | undefined
  readonly error: Error | undefined
  readonly loading: boolean
  readonly again: () => void
}

/**
 * @param input undefined asks nothing
 * @param every milliseconds until it asks again; not while the page is hidden or the reader has paused
 */
export function useAnswer<T>(contract: string, operation: string, input: unknown, every?: number): Answer<T> {
  const key = input === undefined ? undefined : JSON.stringify([contract, operation, input])
  const [answer, setAnswer] = useState<{ key: string | undefined; value?: T; error?: Error }>({ key })
  const [turn, setTurn] = useState(0)
  const running = live.value
  const asked = useRef({ key, turn: -1 })
  useEffect(() => {
    if (key === undefined) return undefined
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const round = async (): Promise<void> => {
      try {
        const value = await ask<T>(contract, operation, input, { signal: stop.signal })
        if (!stop.signal.aborted) setAnswer({ key, value })
      } catch (error) {
        if (!stop.signal.aborted)
          setAnswer((before) => ({ key, value: before.key === key ? before.value : undefined, error: error as Error }))
      }
      next()
    }
    const next = (): void => {
      if (every === undefined || !running || stop.signal.aborted) return
      timer = setTimeout(() => (document.hidden ? next() : void round()), every)
    }
    // To pause and to go on is no reason to ask.
    const known = asked.current.key === key && asked.current.turn === turn
    asked.current = { key, turn }
    if (known) next()
    else void round()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [key, every, running, turn])
  // Until another question is answered, what is there stays: a page that goes white each time is no better.
  const current = answer.key === key || key === undefined ? answer : { key, value: answer.value, error: undefined }
  return {
    value: current.value,
    error: current.error,
    loading: key !== undefined && current.value === undefined && current.error === undefined,
    again: () => setTurn((before) => before + 1),
  }
}
