/** The process of services under test: a part of their system, until it is told to end or nobody is left to tell it. */
import { keepAlive } from 'dure/runtime'
import { start } from 'dure/service'
import { systemOf } from '../system-file.ts'
import { subjectOf, type Tested } from './subject.ts'

/** What the process is told on its command line. */
export type SubjectWords = {
  readonly file: string
  readonly name: string
  readonly directory: string
  readonly services: readonly string[]
}

const [words = '{}'] = process.argv.slice(2)
const { file, name, directory, services } = JSON.parse(words) as SubjectWords
const stopping = Promise.withResolvers<void>()
process.on('SIGTERM', () => stopping.resolve())
process.stdin
  .on('end', () => stopping.resolve())
  .on('error', () => stopping.resolve())
  .resume()
const alive = keepAlive()
try {
  const tested = (await systemOf({ url: file, name })) as Tested
  // Of a service alone, what it needs is the test's.
  const system = 'services' in tested ? tested : subjectOf(tested, [], []).system
  // A test wants to see all of it.
  const telemetry = { ...(system.telemetry === false ? {} : system.telemetry), sampling: 1, store: { limits: { interval: 50 } } }
  const running = await start({ ...system, telemetry, doors: [] }, { directory, part: services })
  await stopping.promise
  await running.stop({ everything: true })
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  alive.stop()
  process.stdin.destroy()
}
