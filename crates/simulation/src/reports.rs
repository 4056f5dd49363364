//! What a simulated process does with the reports of its stream thread: the trace gets them, and the auditor checks some.

use otp_topology::deployment::SourceKind;
use otp_topology::thread::ThreadReport;
use otp_topology::wire::record::SourcePartition;

use crate::names::instance_name;
use crate::planted::Planted;
use crate::process::{Process, Site};

impl Process {
    pub(crate) fn report(&mut self, report: &ThreadReport, site: &mut Site<'_>) {
        let number = self.number;
        self.has_aborted |= matches!(report, ThreadReport::Refused { .. });
        match report {
            ThreadReport::TaskReady { task, restored } => {
                site.trace.note("ready", [number as i64, (*task).into(), *restored as i64], || {
                    format!(
                        "{} has initialised task {task} with {restored} records of its changelog",
                        instance_name(number)
                    )
                });
                self.recovered.insert(*task);
                let source = self.topology.source_of(SourceKind::Repartition);
                let source = SourcePartition { topic: source.expect("there is one"), partition: *task };
                if self.owns(site, source) {
                    let store = site.disk.store(*task);
                    site.auditor.task_ready(number, *task, &store);
                }
            }
            ThreadReport::Committed { records, counters } => {
                let mut counted = (**counters).clone();
                if site.planted == Some(Planted::CountAborted) && std::mem::take(&mut self.has_aborted) {
                    counted.take_from(&mut counted.clone());
                }
                site.auditor.counted(number, counted);
                site.trace.note("done", [number as i64, *records as i64, 0], || {
                    format!("{} has committed {records} records", instance_name(number))
                });
            }
            ThreadReport::Lost { source, records } => {
                if self.owns(site, *source) {
                    site.auditor.reported_lost(*source, *records, site.broker);
                }
                site.trace.note("lost", [number as i64, *records, 0], || {
                    format!(
                        "{} reports that {records} records of {} are lost",
                        instance_name(number),
                        site.house.source_name(*source)
                    )
                });
            }
            ThreadReport::Refused { units, .. } => {
                if let Some(writers) = self.refused_writers.take() {
                    site.auditor.held_up(number, units, &writers);
                }
                site.trace.note("refused", [number as i64, units.len() as i64, 0], || {
                    format!("{} reports {report:?}", instance_name(number))
                });
            }
            ThreadReport::RefusalOver { .. }
            | ThreadReport::Fenced
            | ThreadReport::Misassigned { .. }
            | ThreadReport::UnknownOutcome { .. }
            | ThreadReport::TaskFailed { .. }
            | ThreadReport::PositionsVoid { .. }
            | ThreadReport::Wiped { .. } => {
                site.trace.note("report", [number as i64, 0, 0], || {
                    format!("{} reports {report:?}", instance_name(number))
                });
            }
        }
    }
}
