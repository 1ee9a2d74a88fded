/** A process to be supervised; what it does depends on its word. */
import { existsSync, writeFileSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { keepAlive } from '../../runtime/runtime.ts'
import { joinSupervisor } from './supervisor.ts'

const [word, file = ''] = process.argv.slice(2)
const supervised = joinSupervisor()
if (supervised === undefined) throw new Error('Nobody supervises this process')
if (!(await supervised.loaded())) process.exit(0)
if (word === 'fails' || (word === 'fails once' && !existsSync(file))) {
  if (file !== '') writeFileSync(file, '')
  process.stderr.write('Cannot start: the moon is in the wrong place\n')
  process.exit(1)
}
if (word === 'waits') {
  process.stdout.write('waiting\n')
  await supervised.stopped
  process.exit(0)
}
const alive = keepAlive()
process.stdout.write(`working ${process.pid}\n`)
if (word === 'compiles') supervised.ready({ folder: getCompileCacheDir() })
else if (word === 'tells its options') supervised.ready({ options: process.execArgv })
else supervised.ready({ pid: process.pid })
const reason = await supervised.stopped
if (word === 'hangs') await new Promise(() => {})
process.stdout.write(`stopping: ${reason}\n`)
if (file !== '') writeFileSync(file, reason)
alive.stop()
supervised.leave()
