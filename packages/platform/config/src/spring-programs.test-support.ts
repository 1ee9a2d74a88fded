/** Spring Cloud Config's server and an application that uses one, as programs. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '@dure/testing/servers'

export type Program = { readonly url: string; readonly said: () => string; readonly stop: () => Promise<void> }

const COMMON = ['--server.address=127.0.0.1', '--spring.main.banner-mode=off', '--logging.level.root=WARN']
/** A machine may be slow: how long Spring takes is not what is looked at. */
const LONG = 1_200_000

export async function springServer(jar: string, repository: string, words: readonly string[] = []): Promise<Program> {
  return started(jar, 'server', '/actuator/health', [
    ...['--spring.cloud.config.enabled=false', `--spring.cloud.config.server.git.uri=file://${repository}`],
    ...words,
  ])
}

/** @param at the configuration server */
export async function springApplication(jar: string, at: string, words: readonly string[] = []): Promise<Program> {
  return started(jar, 'app', '/greeting', [
    ...['--spring.application.name=app', `--spring.config.import=configserver:${at}`],
    // Where the server's classes are as well, the client is off unless it is told.
    '--spring.cloud.config.enabled=true',
    ...['--management.endpoints.web.exposure.include=*', '--spring.cloud.config.watch.enabled=false'],
    ...words,
  ])
}

async function started(jar: string, kind: string, path: string, words: readonly string[]): Promise<Program> {
  const port = await freePort()
  const options = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-jar', jar, kind, ...COMMON, `--server.port=${port}`, ...words]
  const child = spawn('java', options, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => (said = `${said}${String(bytes)}`.slice(-65_536)))
  const url = `http://127.0.0.1:${port}`
  const program = { url, said: () => said, stop: () => end(child) }
  const until = performance.now() + LONG
  while (!(await answers(`${url}${path}`))) {
    if (child.exitCode !== null || performance.now() > until) {
      await end(child)
      throw new Error(`Spring's ${kind} did not start: ${said.slice(-4_000)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return program
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}
