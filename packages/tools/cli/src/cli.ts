/** The door of a running system for whoever owns its data: what `dure call`, `dure dead` and `dure lag` talk to. */
export { askLag, control } from './control/control.ts'
