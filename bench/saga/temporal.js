/** Temporal's development server with a file of its own (`temporal` of the PATH, or TEMPORAL_CLI): three activities that write a row each. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { Pool } from 'pg'
import { freePort } from '../free-port.ts'
import { contend } from './load.ts'

await contend(async ({ url, atOnce, folder }) => {
  const pool = new Pool({ connectionString: url, max: atOnce })
  const port = await freePort()
  const words = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', `${port}`, '--log-level', 'error']
  const child = spawn(process.env.TEMPORAL_CLI ?? 'temporal', [...words, '--db-filename', join(folder, 'temporal.db')], {
    stdio: 'ignore',
  })
  process.on('exit', () => child.kill('SIGKILL'))
  Runtime.install({ logger: new DefaultLogger('ERROR') })
  const address = `127.0.0.1:${port}`
  let connection
  while (connection === undefined) {
    if (child.exitCode !== null) throw new Error(`temporal ended with code ${child.exitCode}`)
    connection = await NativeConnection.connect({ address }).catch(() => new Promise((resolve) => setTimeout(resolve, 200)))
  }
  const worker = await Worker.create({
    connection,
    taskQueue: 'bench',
    workflowsPath: fileURLToPath(new URL('temporal-workflow.js', import.meta.url)),
    activities: { write: (name, step) => pool.query('INSERT INTO rows VALUES ($1, $2)', [name, step]).then(() => step) },
  })
  worker.run().catch((error) => {
    console.error(error)
    process.exit(1)
  })
  const client = new Client({ connection: await Connection.connect({ address }) })
  return (name) => client.workflow.execute('checkout', { taskQueue: 'bench', workflowId: name, args: [name] })
})
