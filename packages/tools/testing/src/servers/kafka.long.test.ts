import { spawnSync } from 'node:child_process'
import { serverTests } from './life.test-support.ts'
import { serverPlaces } from './servers.ts'

const tool = (name: string, input: string, ...words: readonly string[]): string => {
  const { stdout } = spawnSync(
    'java',
    ['-XX:TieredStopAtLevel=1', '-cp', `${serverPlaces().kafka.folder}/*`, `org.apache.kafka.tools.${name}`, ...words],
    {
      input,
      encoding: 'utf8',
    },
  )
  return stdout
}

serverTests('kafka', {
  write: async ({ port }) => {
    tool('TopicCommand', '', '--bootstrap-server', `127.0.0.1:${port}`, '--create', '--topic', 'orders')
    tool('ConsoleProducer', 'first\n', '--bootstrap-server', `127.0.0.1:${port}`, '--topic', 'orders')
  },
  read: async ({ port }) => tool('GetOffsetShell', '', '--bootstrap-server', `127.0.0.1:${port}`).includes('orders:0:1'),
})
