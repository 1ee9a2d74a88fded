import assert from 'node:assert/strict'
import { test } from 'node:test'
import { socketsOf } from './sockets.ts'
import type { Door } from './system.ts'

const open: Door['open'] = async () => ({ url: undefined, close: async () => {} })
const listening = (name: string): Door => ({
  name,
  open,
  listens: (directory) => ({ kind: 'unix', path: `${directory}/${name}` }),
})
const silent: Door = { name: 'mail', open }

const doorsOf = (members: readonly string[], doors: readonly Door[], { alone = true } = {}) => {
  const onlyOne = alone ? 'it owns something' : undefined
  const group = { name: members.join('+'), members, runsIn: 'process', copies: 1, onlyOne } as const
  const { sockets, overlaps } = socketsOf(group, { doors, directory: '/data' })
  return { sockets, overlaps }
}

test('doors that say where they listen are handed over, and run beside their successor', () => {
  assert.deepEqual(doorsOf(['doors'], [listening('rest'), listening('control')]), {
    sockets: [
      { name: 'rest', address: { kind: 'unix', path: '/data/rest' } },
      { name: 'control', address: { kind: 'unix', path: '/data/control' } },
    ],
    overlaps: true,
  })
})

test('a door may listen at several addresses; one with datagrams leaves before its successor comes', () => {
  const at = (port: number, kind: 'tcp' | 'udp' = 'tcp') => ({ kind, host: '127.0.0.1', port }) as const
  const game = (addresses: readonly ReturnType<typeof at>[]): Door => ({ name: 'game', open, listens: () => addresses })
  assert.deepEqual(doorsOf(['doors'], [game([at(1), at(2)]), listening('rest')]), {
    sockets: [
      { name: 'game', address: at(1) },
      { name: 'game#2', address: at(2) },
      { name: 'rest', address: { kind: 'unix', path: '/data/rest' } },
    ],
    overlaps: true,
  })
  assert.equal(doorsOf(['doors'], [game([at(1), at(2, 'udp')])]).overlaps, false)
  assert.equal(doorsOf(['doors'], [game([])]).overlaps, false)
})

test('who shares a process with a store, or with a door that cannot be handed over, does not overlap', () => {
  assert.deepEqual(doorsOf(['orders'], [listening('rest')]), { sockets: [], overlaps: false })
  assert.deepEqual(doorsOf(['orders'], [listening('rest')], { alone: false }), { sockets: [], overlaps: true })
  const names = (members: readonly string[], doors: readonly Door[]): unknown => {
    const { sockets, overlaps } = doorsOf(members, doors)
    return [sockets.map(({ name }) => name), overlaps]
  }
  assert.deepEqual(names(['orders', 'doors'], [listening('rest')]), [['rest'], false])
  assert.deepEqual(names(['doors'], [listening('rest'), silent]), [['rest'], false])
  assert.deepEqual(names(['doors'], [listening('rest'), listening('rest')]), [[], false])
})
