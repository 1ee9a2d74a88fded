/** The floor: as many transactions with one row each as a saga of ours has, on bare `pg`. */
import { Pool } from 'pg'
import { contend } from './load.ts'

const commits = Number(process.env['COMMITS'])

await contend(async ({ url, atOnce }) => {
  const pool = new Pool({ connectionString: url, max: atOnce })
  return async (name) => {
    for (let n = 0; n < commits; n++)
      await pool.query({ name: 'row', text: 'INSERT INTO rows VALUES ($1, $2)', values: [name, `${n}`] })
  }
})
