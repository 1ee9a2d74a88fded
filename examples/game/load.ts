/** `node --conditions=dure-source load.ts [PLAYERS] [SECONDS] [kill]`: the game with many players, who all watch; says what they saw. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FIELD, STEP, TICK, type Place, type Placed } from './contract.ts'
import { createPlayer, type Player } from './player.ts'
import { createWitness, type Witness } from './witness.ts'

/** Of all that a player does, what part are moves. */
const MOVES = 0.02

export type Report = Readonly<Record<keyof typeof UNITS, number>>

const UNITS = {
  players: '',
  moves_per_second: '',
  positions_per_second: '',
  ticks_per_second: ` of ${1000 / TICK}`,
  late_ticks: '',
  position_age_p50_ms: '',
  position_age_p99_ms: '',
  lost_datagrams: '',
  sent_datagrams: '',
  disagreements: '',
  moved_back: '',
  lost_moves: '',
  agreeing_players: '',
} as const

type Server = { readonly tcp: number; readonly udp: number; readonly process: ChildProcess }

export async function serve(words: readonly [tcp: number, udp: number, directory: string]): Promise<Server> {
  const child = spawn(
    process.execPath,
    ['--conditions=dure-source', join(import.meta.dirname, 'main.ts'), ...words.map(String)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let said = ''
  const [, tcp, udp] = await new Promise<RegExpExecArray>((resolve, reject) => {
    child.stdout!.on('data', (text: Buffer) => {
      said += text.toString()
      const found = /at tcp (\d+), udp (\d+)/.exec(said)
      if (found !== null) resolve(found)
    })
    child.once('exit', () => reject(new Error(`The game ended: ${said}`)))
  })
  return { tcp: Number(tcp), udp: Number(udp), process: child }
}

/** @param options.kill whether the server is killed in the middle, and started again */
export async function play(options: {
  readonly players: number
  readonly seconds: number
  readonly kill?: boolean
}): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-game-'))
  let server = await serve([0, 0, directory])
  const { tcp, udp } = server
  const witness = createWitness(() => performance.now())
  const counts = { moves: 0, sent: 0, heard: 0 }
  const players = Array.from({ length: options.players }, (_, i) =>
    createPlayer({
      ...{ name: `p${i}`, tcp, udp, lost: witness.restart },
      heard: (answer) => {
        counts.heard++
        witness.heard(answer)
      },
    }),
  )
  try {
    const [first] = players as [Player]
    for (const player of players) await player.ask('join', { player: player.name })
    const walkers = players.map((player) => createWalker(player, { witness, counts }))
    const before = { ...((await first.ask('world')) as Seen), at: performance.now(), ...counts }
    if (options.kill === true) {
      await sleep(options.seconds * 500)
      server.process.kill('SIGKILL')
      await once(server.process, 'exit')
      server = await serve([tcp, udp, directory])
      await sleep(options.seconds * 500)
    } else await sleep(options.seconds * 1_000)
    const seconds = (performance.now() - before.at) / 1_000
    const after = (await first.ask('world')) as Seen
    const did = { ...counts }
    for (const walker of walkers) await walker.stop()
    // What is under way comes.
    await sleep(2 * TICK)
    const { age, disagreements, movedBack } = witness.report()
    return {
      players: players.length,
      moves_per_second: (did.moves - before.moves) / seconds,
      positions_per_second: (did.heard - before.heard) / seconds,
      ticks_per_second: (after.tick - (options.kill === true ? 0 : before.tick)) / seconds,
      late_ticks: after.late,
      position_age_p50_ms: age(0.5),
      position_age_p99_ms: age(0.99),
      lost_datagrams: counts.sent - counts.heard,
      sent_datagrams: counts.sent,
      disagreements,
      moved_back: movedBack,
      lost_moves: walkers.reduce((sum, { lostMoves }) => sum + lostMoves(), 0),
      agreeing_players: await agreeing(players),
    }
  } finally {
    for (const player of players) player.close()
    server.process.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

type Seen = { readonly tick: number; readonly late: number; readonly players: readonly Placed[] }
type Walker = { readonly stop: () => Promise<void>; readonly lostMoves: () => number }

/** Walks about, to one place after the other, and jumps now and then. */
function createWalker(
  player: Player,
  { witness, counts }: { readonly witness: Witness; readonly counts: { moves: number; sent: number } },
): Walker {
  let goal = anywhere()
  let lost = 0
  let moving: Promise<void> | undefined
  const jump = async (): Promise<void> => {
    const to = anywhere()
    await player.move(to)
    counts.moves++
    const { x, y } = player.place()
    if (x !== to.x || y !== to.y) lost++
  }
  const step = (): void => {
    if (moving !== undefined) return
    if (Math.random() < MOVES) return void (moving = jump().finally(() => (moving = undefined)))
    const { x, y } = player.place()
    if (x === goal.x && y === goal.y) goal = anywhere()
    const towards = (from: number, to: number): number => from + Math.max(-STEP / 2, Math.min(STEP / 2, to - from))
    if (!player.walk({ x: towards(x, goal.x), y: towards(y, goal.y) })) return
    counts.sent++
    witness.sent(player.name, player.place().n)
  }
  let timer: NodeJS.Timeout | undefined
  // Not all at once.
  const begin = setTimeout(() => (timer = setInterval(step, TICK)), Math.random() * TICK)
  return {
    lostMoves: () => lost,
    stop: async () => {
      clearTimeout(begin)
      clearInterval(timer)
      await moving
    },
  }
}

const anywhere = (): Pick<Place, 'x' | 'y'> => ({
  x: Math.floor(Math.random() * (FIELD + 1)),
  y: Math.floor(Math.random() * (FIELD + 1)),
})

/** Players whose own place is the one that the world has of them, once all stand still; a last position that was lost is sent again. */
async function agreeing(players: readonly Player[]): Promise<number> {
  let missing = players
  for (let round = 0; round < 20 && missing.length > 0; round++) {
    for (const player of missing) {
      player.walk(player.place())
      await sleep(1)
    }
    await sleep(3 * TICK)
    const world = (await players[0]!.ask('world')) as Seen
    const places = new Map(world.players.map((one) => [one.player, one]))
    missing = players.filter(({ name, place }) => {
      const [own, other] = [place(), places.get(name)]
      return other === undefined || own.n !== other.n || own.x !== other.x || own.y !== other.y
    })
  }
  return players.length - missing.length
}

if (import.meta.main) {
  const [, , players = '500', seconds = '30', kill] = process.argv
  const report = await play({ players: Number(players), seconds: Number(seconds), kill: kill === 'kill' })
  for (const [name, unit] of Object.entries(UNITS))
    console.log(`${name.replaceAll('_', ' ').padEnd(22)}${report[name as keyof Report].toFixed(0).padStart(9)}${unit}`)
}
