/** `node --conditions=dure-source main.ts [TCP-PORT] [UDP-PORT] [DIRECTORY]`: the game; it says where it is. */
import { socket } from '@dure/socket'
import { start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { game } from './service.ts'

const [, , tcp = '8092', udp = '8093', directory = '.data/game'] = process.argv
const door = socket({
  port: false,
  tcp: { port: Number(tcp) },
  udp: { port: Number(udp), operations: ['game.position'] },
})
const running = await start(system('game', { services: [game()], doors: [door], security: 'off' }), {
  directory,
  log: silentLogger(),
})
console.log(
  `The game is at ${running.doors[0]!.addresses!.map((one) => (one.kind === 'unix' ? '' : `${one.kind} ${one.port}`)).join(', ')}`,
)
process.once('SIGTERM', () => void running.stop())
