/** The process of those who mean ill: as many connections as they can get, opened again as soon as they are closed. */
import { connect } from 'node:net'
import { ATTACKS } from './attacks.ts'

/** What they have done so far. */
export type Attacked = {
  /** Connections open now, and at most so far. */
  readonly open: number
  readonly peak: number
  /** Connections made, by attack, and those that the listener or the system closed or refused. */
  readonly made: Readonly<Record<string, number>>
  readonly ended: number
  readonly refused: number
}

const [port, connections, perSecond] = process.argv.slice(2).map(Number) as [number, number, number]
/** Of this machine alone; the first is that of the honest ones. */
const ADDRESSES = Array.from({ length: 8 }, (_, n) => `127.0.0.${n + 1}`)

const made: Record<string, number> = Object.fromEntries(Object.keys(ATTACKS).map((name) => [name, 0]))
const wheel = Object.entries(ATTACKS).flatMap(([name, { share }]) => Array.from({ length: share }, () => name))
const counts = { open: 0, peak: 0, ended: 0, refused: 0 }

/** Slots without a connection: they are given one in turn. */
const waiting: number[] = Array.from({ length: connections }, (_, slot) => slot)

function attack(slot: number): void {
  // Slots of one kind are of all addresses.
  const kind = wheel[(slot * 37) % wheel.length]!
  let stop: (() => void) | void
  let connected = false
  const localAddress = ADDRESSES[slot % ADDRESSES.length]!
  const socket = connect({ port, host: '127.0.0.1', ...(process.platform === 'linux' && { localAddress }) }, () => {
    connected = true
    made[kind]!++
    counts.peak = Math.max(counts.peak, ++counts.open)
    stop = ATTACKS[kind]!.attack(socket)
  })
  // What is answered is of no interest; attacks that do not read say so.
  socket.on('data', () => {})
  socket.on('error', () => {})
  socket.on('close', () => {
    stop?.()
    if (connected) {
      counts.open--
      counts.ended++
    } else counts.refused++
    waiting.push(slot)
  })
}

const TICK = 20
let owed = 0
setInterval(() => {
  owed = Math.min(owed + (perSecond * TICK) / 1_000, perSecond)
  for (; owed >= 1 && waiting.length > 0; owed--) attack(waiting.shift()!)
}, TICK)

process.on('message', () => process.send!({ ...counts, made } satisfies Attacked))
process.on('disconnect', () => process.exit())
process.send!('ready')
