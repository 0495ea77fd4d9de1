#include "data/import_source.h"

namespace dgsam {

ImportPlan plan_office_home(const std::filesystem::path& from) { return plan_domains("OfficeHome", from); }

}  // namespace dgsam
