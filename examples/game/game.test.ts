import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { describeOutcome, explore } from '@dure/simulation'
import { socket } from '@dure/socket'
import { testSystem } from '@dure/testing'
import { start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import fc from 'fast-check'
import { FIELD, Game, STEP, TICK, type Place } from './contract.ts'
import { createPlayer, type Heard } from './player.ts'
import { game } from './service.ts'
import { simulation } from './system.ts'
import { createWorld } from './world.ts'

const coordinate = fc.integer({ min: 0, max: FIELD })
const place = fc.record({ n: fc.integer({ min: 0, max: 30 }), x: coordinate, y: coordinate })

test('whatever is lost, doubled or comes late: nobody goes back, or farther than a player can walk', () => {
  const came = fc.array(fc.oneof({ weight: 4, arbitrary: place }, fc.constant('tick' as const)), { maxLength: 60 })
  fc.assert(
    fc.property(place, came, (begin, events) => {
      const world = createWorld()
      world.enter('p', { ...begin, n: 0 })
      let [before] = world.seen()
      world.next()
      let newest = 0
      for (const event of events) {
        if (event !== 'tick') {
          world.walk('p', event)
          newest = Math.max(newest, event.n)
          assert.equal(world.place('p')!.n, newest)
          continue
        }
        world.next()
        const [seen] = world.seen()
        if (before !== undefined) {
          assert.ok(seen!.n >= before.n)
          if (seen!.n === before.n) assert.deepEqual(seen, before)
        }
        before = seen
      }
      // Even at best it is one step a tick, rounded to whole numbers.
      const { x, y } = world.place('p')!
      assert.ok(Math.hypot(x - begin.x, y - begin.y) <= (STEP + 1) * (world.tick() + 1))
    }),
  )
})

test('places are seen from the next tick on; a killed server has every move, and positions of a second ago', async () => {
  await using test = await testSystem(game(), { time: 'virtual' })
  const { join, move, position, world } = test.client(Game)
  const { x, y } = await join({ player: 'sori' })
  await join({ player: 'duri' })
  await assert.rejects(position({ player: 'nuri', n: 1, x, y }), { code: 'UNKNOWN_PLAYER' })
  const placeOf = async (player: string): Promise<Place> => {
    const found = (await world()).players.find((one) => one.player === player)
    return { n: found!.n, x: found!.x, y: found!.y }
  }

  const near = x > 500 ? x - STEP : x + STEP
  await test.advance(10 * TICK)
  await position({ player: 'sori', n: 2, x: near, y })
  await position({ player: 'sori', n: 1, x, y })
  assert.deepEqual(await placeOf('sori'), { n: 0, x, y })
  await test.advance(TICK)
  assert.deepEqual(await placeOf('sori'), { n: 2, x: near, y })
  const { tick } = await world()
  await test.advance(1_000)
  assert.deepEqual(await world().then((now) => [now.tick - tick, now.late]), [1_000 / TICK, 0])

  assert.deepEqual(await move({ player: 'duri', n: 1, x: 7, y: 7 }), { n: 1, x: 7, y: 7 })
  await position({ player: 'sori', n: 3, x, y })
  await test.kill()
  assert.deepEqual(await join({ player: 'duri' }), { n: 1, x: 7, y: 7 })
  assert.deepEqual(await join({ player: 'sori' }), { n: 2, x: near, y })
  // What was under way since before the kill counts no more.
  await position({ player: 'sori', n: 1, x, y })
  await test.advance(TICK)
  assert.deepEqual(await placeOf('sori'), { n: 2, x: near, y })
})

test('players walk and jump while processes die and calls are lost', { timeout: 60_000 }, async () => {
  const { held, failures } = await explore({ simulation, seeds: 10, failures: 1 })
  assert.deepEqual(failures.map(describeOutcome), [])
  assert.equal(held, 10)
})

test('moves by TCP and positions by UDP: players see each other, and a late datagram changes nothing', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-game-'))
  const door = socket({ port: false, tcp: { port: 0 }, udp: { port: 0, operations: ['game.position'] } })
  const log = silentLogger()
  const running = await start(system('game', { services: [game()], doors: [door], security: 'off' }), { directory, log })
  const [tcp, udp] = running.doors[0]!.addresses!.map((one) => (one as { readonly port: number }).port)
  let wake = (): void => {}
  let answer: Heard | undefined
  const heard = (one: Heard): void => {
    answer = one
    wake()
  }
  const sori = createPlayer({ name: 'sori', tcp: tcp!, udp: udp!, heard })
  const duri = createPlayer({ name: 'duri', tcp: tcp!, udp: udp! })
  t.after(async () => {
    for (const { close } of [sori, duri]) close()
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  await sori.move({ x: 500, y: 500 })
  await duri.move({ x: 510, y: 500 })
  await duri.move({ x: 505, y: 500 })
  duri.walk({ x: 504, y: 501 })
  const { n } = duri.place()
  const looksUntil = async (found: (heard: Heard) => boolean): Promise<void> => {
    // A datagram may be lost: it looks again.
    const again = setInterval(() => sori.walk(sori.place()), TICK)
    while (answer === undefined || !found(answer)) await new Promise<void>((resolve) => (wake = resolve))
    clearInterval(again)
  }
  await looksUntil(({ others }) => others.length > 0)
  const shows =
    (x: number, y: number) =>
    ({ others }: Heard) =>
      others.some((one) => one.x === x && one.y === y)
  duri.walk({ x: 504, y: 501 })
  await looksUntil(shows(504, 501))

  // From another port, as after a restart of the client: the door has no number of that sender, the world has one of the player.
  const other = createSocket('udp4')
  t.after(() => other.close())
  const late = { type: 'call', id: 9, call: 'game.position', input: { player: 'duri', n, x: 500, y: 500 }, pad: 'x'.repeat(640) }
  other.send(JSON.stringify(late), udp!, '127.0.0.1')
  await new Promise((resolve) => other.once('message', resolve))
  const { tick } = answer!
  await looksUntil((now) => now.tick > tick)
  assert.ok(shows(504, 501)(answer!))
})
