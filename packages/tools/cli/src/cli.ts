/** The command line, and the control door that lets it talk to a running system. */
export { runCli } from './app.ts'
export { main } from './main.ts'
export { control } from './control/control.ts'
export { CliError, EXIT } from './shell.ts'
export type { Output, Shell } from './shell.ts'
