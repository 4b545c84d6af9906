/** The one door to the parser of YAML, for settings and for what describes a data set. */
export { parse as parseYaml } from 'yaml';
