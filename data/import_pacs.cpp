#include "data/import_source.h"

namespace dgsam {

ImportPlan plan_pacs(const std::filesystem::path& from) { return plan_domains("PACS", from); }

}  // namespace dgsam
