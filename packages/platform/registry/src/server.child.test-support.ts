/** A registry in a process of its own, to be killed and frozen: says where it listens. */
import { startRegistry } from './started.ts'

const [directory, port] = process.argv.slice(2)
const { url } = await startRegistry({ directory: directory!, port: Number(port) })
console.log(url)
