/** One player: moves over a connection of TCP, made again when it is lost, and positions by UDP. */
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import type { Place, Placed } from './contract.ts'

export type Player = {
  readonly name: string
  /** Where it is, as far as it knows itself. */
  readonly place: () => Place
  /** Sends where it walks. False while it has not joined, or a move is under way: then it stands still. */
  readonly walk: (to: Pick<Place, 'x' | 'y'>) => boolean
  /** Resolves when the move is made, and kept; it is said again until then. */
  readonly move: (to: Pick<Place, 'x' | 'y'>) => Promise<void>
  readonly ask: (call: 'join' | 'move' | 'world', input?: object) => Promise<unknown>
  readonly close: () => void
}

export type Heard = { readonly tick: number; readonly others: readonly Placed[] }

type Answer = { readonly id: number; readonly value?: unknown; readonly error?: { readonly code: string } }

/** Nobody is answered in more bytes than were sent: this makes room for the players that are seen. */
const PAD = 'x'.repeat(640)
const AGAIN = 100

/** @param options.lost the connection is gone; it is made again */
export function createPlayer(options: {
  readonly name: string
  readonly tcp: number
  readonly udp: number
  readonly heard?: (answer: Heard) => void
  readonly lost?: () => void
}): Player {
  const { name, tcp, udp, heard, lost } = options
  let place: Place = { n: 0, x: 0, y: 0 }
  let joined = false
  let moving = 0
  let closed = false
  let line: Socket
  let calls = 0
  const waiting = new Map<number, { readonly text: string; readonly settle: (answer: Answer) => void }>()
  const datagrams = createSocket('udp4')

  /** All that is asked here may be done twice, so it is said again on the next connection. */
  const ask: Player['ask'] = (call, input) =>
    new Promise((resolve, reject) => {
      const id = ++calls
      const text = `${JSON.stringify({ type: 'call', id, call: `game.${call}`, input })}\n`
      const settle = ({ value, error }: Answer): void => {
        if (error === undefined) resolve(value)
        else reject(new Error(`"${call}" was answered with ${error.code}`))
      }
      waiting.set(id, { text, settle })
      if (line.readyState === 'open') line.write(text)
    })
  const adopt = ({ n, x, y }: Place): void => void (place = { n: Math.max(n, place.n), x, y })
  const open = (): void => {
    line = connect(tcp, '127.0.0.1')
    line.setNoDelay(true).on('error', () => {})
    line.on('connect', () => {
      for (const { text } of waiting.values()) line.write(text)
    })
    let came = ''
    line.setEncoding('utf8').on('data', (text: string) => {
      const lines = (came + text).split('\n')
      came = lines.pop()!
      for (const one of lines) {
        const answer = JSON.parse(one) as Answer
        waiting.get(answer.id)?.settle(answer)
        waiting.delete(answer.id)
      }
    })
    line.on('close', () => {
      if (closed) return
      if (joined) {
        lost?.()
        join()
      }
      setTimeout(open, AGAIN)
    })
  }
  const join = (): void => {
    joined = false
    void ask('join', { player: name }).then((answer) => {
      adopt(answer as Place)
      joined = true
    })
  }
  open()
  join()
  datagrams.on('message', (bytes) => {
    const { value } = JSON.parse(bytes.toString()) as { readonly value?: Heard }
    if (value !== undefined) heard?.(value)
  })

  return {
    name,
    place: () => place,
    ask,
    walk: (to) => {
      if (!joined || moving > 0) return false
      place = { x: to.x, y: to.y, n: place.n + 1 }
      const input = { player: name, ...place }
      // The number makes the door drop what is older, and the world what is older than before the door was killed.
      const text = JSON.stringify({ type: 'call', id: place.n, call: 'game.position', input, pad: PAD })
      datagrams.send(text, udp, '127.0.0.1')
      return true
    },
    move: async (to) => {
      moving++
      place = { ...place, n: place.n + 1 }
      adopt((await ask('move', { player: name, x: to.x, y: to.y, n: place.n })) as Place)
      moving--
    },
    close: () => {
      closed = true
      line.destroy()
      datagrams.close()
    },
  }
}
