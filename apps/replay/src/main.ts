#!/usr/bin/env node
import { Command } from "commander";

new Command("pagetrail").version("0.1.0").parse();
