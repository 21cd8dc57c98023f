/** Whether a CNI plugin's executable can have that name: it is looked for in folders, and must not lead out of them. */
export function isPluginName(name: string): boolean {
  return /^[\w.-]+$/.test(name) && !/^\.+$/.test(name);
}
